// The catalogue of schemes. To add one: a file under schemes/ with the scheme and its SchemeKind, a
// line in the table in scheme_kind.cc, and a message in the run file's oneof, whose field has the
// kind's name and whose fields have its parameters' names (proto/gradloom/v1/run.proto). Run files,
// text forms, the tuner and its tables follow from the entry.
#ifndef GRADLOOM_CODING_SCHEME_KIND_H_
#define GRADLOOM_CODING_SCHEME_KIND_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coding/parameters.h"
#include "coding/published_rounds.h"
#include "coding/scheme.h"

namespace gradloom {

struct SchemeKind;

// A scheme to build. Never without a kind; uncoded unless another one is given.
struct SchemeSpec {
  SchemeSpec();
  explicit SchemeSpec(const SchemeKind& which, int slots = 1);

  const SchemeKind* kind;
  int slots;  // 0: not known yet
  Settings settings;
  std::vector<double> throughput = {};  // relative speed per slot; empty: equal
};

// Where a tuner looks for parameters, over the slots of one weave.
struct SchemeSpace {
  int slots = 1;
  int delay_max = 0;
  double copies_max = 1;  // of the data
  // One of each kind of behaviour: of all parameters of the same load, those that tolerate most.
  bool distinct = false;
};

// What a scheme is like, known without building it.
struct SchemeTraits {
  int tolerated = 0;  // stragglers that a round can close without at least
  int tasks = 1;      // that a slot returns for one job, if nobody's work is dropped or repeated
  int parts = 1;      // no task is less than 1 / parts of a job's data
};

// What the table knows of a scheme; its file defines it. Functions may be null where said.
struct SchemeKind {
  using Add = std::function<void(const SchemeSpec&)>;

  absl::string_view name;   // as in a run file
  absl::string_view title;  // as in the heading of a table
  std::span<const Parameter> parameters = {};
  // A slot returns its share piece by piece, so that what stragglers have done counts.
  bool piecemeal = false;
  // Adds what is wrong with parameters side by side, or with the slots if they are known; of any
  // parameters. Null: nothing can be.
  void (*check)(const SchemeSpec& spec, Problems* problems) = nullptr;
  // `checked`: what a code asks beyond is InvalidArgument, which names parameter, value and
  // relation.
  absl::StatusOr<std::unique_ptr<Scheme>> (*make)(const SchemeSpec& checked) = nullptr;
  // T, also of parameters that are not legal. Null: 0.
  int64_t (*delay)(const SchemeSpec& spec) = nullptr;
  SchemeTraits (*traits)(const SchemeSpec& valid) = nullptr;
  // Calls `add` with every scheme of the space, `slots` set, in a fixed order.
  void (*enumerate)(const SchemeSpace& space, const Add& add) = nullptr;
  // Fits parameters to spec->slots, which are fewer than those they were chosen for. Null: they are
  // taken or refused as they are.
  void (*fit)(SchemeSpec* spec) = nullptr;
  // As its authors count rounds; null: nobody has published such rounds.
  std::unique_ptr<PublishedRounds> (*published)(const SchemeSpec& valid,
                                                PaperCounting counting) = nullptr;
  // In which way the authors' code counts otherwise than their paper; empty: in none.
  absl::string_view authors_count = "";
};

std::span<const SchemeKind* const> SchemeTable();
// Null when there is none of this name.
const SchemeKind* FindScheme(absl::string_view name);

// The delay T in rounds; of any parameters.
int64_t DelayOf(const SchemeSpec& spec);
// The same scheme over so many slots, fewer perhaps than its parameters were chosen for.
SchemeSpec OverSlots(SchemeSpec spec, int slots);

// What is wrong with the parameters; what depends on slots is left out while they are not known.
Problems CheckScheme(const SchemeSpec& spec);
// InvalidArgument names the scheme, the parameter, its value and the relation it breaks.
absl::StatusOr<std::unique_ptr<Scheme>> MakeScheme(const SchemeSpec& spec);

// "m_sgc:b=1,w=2,lambda=3", slots left out. InvalidArgument names the text and what is legal.
absl::StatusOr<SchemeSpec> ParseScheme(absl::string_view text);
std::string SchemeText(const SchemeSpec& spec);
// How to write every scheme.
std::string SchemeUsage();

}  // namespace gradloom

#endif  // GRADLOOM_CODING_SCHEME_KIND_H_
