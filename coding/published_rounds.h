// Rounds of a scheme exactly as its authors count them, for comparison with published totals: who
// is too late in a round is told, and a round that cannot go on without them waits for everybody;
// late results are lost, and loads are those of cyclic codes. What is shipped (Scheme) does better.
// Not thread-safe.
#ifndef GRADLOOM_CODING_PUBLISHED_ROUNDS_H_
#define GRADLOOM_CODING_PUBLISHED_ROUNDS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "coding/straggler_model.h"

namespace gradloom {

// A paper and its authors' published code may not count alike: see SchemeKind::authors_count.
enum class PaperCounting { kPaper, kAuthors };

class PublishedRounds {
 public:
  virtual ~PublishedRounds() = default;

  double load() const { return load_; }  // fraction of a job's data, of a slot and round
  int tolerated() const { return tolerated_; }

  // Begins round 0, 1, ... of a run of so many jobs; false when nobody is needed in it.
  virtual bool Start(int64_t jobs);
  // Slots that do again what an earlier round asked of them.
  virtual std::vector<int> Repeating() const { return {}; }
  // Whether the round may end without these slots; otherwise it ends when they have delivered.
  virtual bool End(const std::vector<int>& stragglers) = 0;

 protected:
  PublishedRounds(double load, int tolerated) : load_(load), tolerated_(tolerated) {}

 private:
  const double load_;
  const int tolerated_;
};

// Up to `tolerated` slots may be missing in every round.
std::unique_ptr<PublishedRounds> MakeBoundedRounds(double load, int tolerated);
// The pattern of stragglers must stay within the model.
std::unique_ptr<PublishedRounds> MakePatternRounds(double load, const StragglerModel& model,
                                                   int slots);

}  // namespace gradloom

#endif  // GRADLOOM_CODING_PUBLISHED_ROUNDS_H_
