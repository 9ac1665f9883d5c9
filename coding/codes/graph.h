// Graph code (Glasgow and Wootters, "Approximate gradient coding with optimal decoding", 2021):
// slots are the n edges of a random graph, chunks its k = floor(2n/d) vertices, and a slot sums the
// two chunks at its ends. The graph is d-regular, but for 2n - kd surplus ends, which go to random
// vertices; it has no loops, and parallel edges only where k vertices leave no choice.
//
// What the surviving edges can recover depends on their connected components alone: everything of a
// component with an odd cycle; of a bipartite one with sides L, R all but (|L|-|R|)^2 / (|L|+|R|)
// chunks' worth of squared error (an isolated vertex: itself). With s of n edges missing at random
// that is about (s/n)^d of the chunks, as with fractional repetition, but an adversary's straggler
// set does half the harm.
#ifndef GRADLOOM_CODING_CODES_GRAPH_H_
#define GRADLOOM_CODING_CODES_GRAPH_H_

#include <memory>

#include "coding/code.h"
#include "coding/codes/code_table.h"

namespace gradloom {

std::unique_ptr<GradientCode> MakeGraph(const CodeParameters& valid);
extern const CodeKind kGraphCode;

}  // namespace gradloom

#endif  // GRADLOOM_CODING_CODES_GRAPH_H_
