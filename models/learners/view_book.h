// States of a trial that are set aside to be evaluated while training goes on. A view is the state
// at which parts of the model (segments of lanes that train side by side; or all of it) have done
// the same number of jobs. It is complete when all parts have come that far or never will, and
// stays until it has been evaluated.
//
// A part that has come to a view is copied only if it changes before the view is evaluated: so
// whoever evaluates at once pays for no copy. Not thread-safe.
#ifndef GRADLOOM_MODELS_LEARNERS_VIEW_BOOK_H_
#define GRADLOOM_MODELS_LEARNERS_VIEW_BOOK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "gradloom/v1/checkpoint.pb.h"

namespace gradloom {

// The values of a part of a model; in floats or in doubles, as the part has them.
struct ModelCopy {
  std::vector<float> floats = {};
  std::vector<double> doubles = {};
};

class ViewBook {
 public:
  // Numbers views in the order in which they are to be evaluated: `stage` counts how often parts
  // began that had waited for the end of others, `jobs` are those done by the parts that train.
  static constexpr int64_t kStage = int64_t{1} << 41;
  static int64_t Number(int64_t stage, int64_t jobs) { return stage * kStage + jobs; }
  static int64_t JobsOf(int64_t number) { return number % kStage; }

  struct Aside {
    std::shared_ptr<ModelCopy> values;
    int64_t jobs_done = 0;
  };
  struct View {
    std::set<int> current;        // parts that are still as they were when they came to the view
    std::map<int, Aside> asides;  // parts that have changed since
    std::set<int> arrived;        // parts that came to the view, before it was complete
    bool complete = false;

    bool Has(int part) const { return current.contains(part) || asides.contains(part); }
  };

  bool Contains(int64_t number) const { return views_.contains(number); }
  const View& at(int64_t number) const { return views_.at(number); }
  // Null when the part is as it was, or there is no such view.
  const Aside* FindAside(int64_t number, int part) const;

  void Arrive(int64_t number, int part);
  // `parts`: of the model. Those that have not come to the view count as they are.
  void Complete(int64_t number, int parts);
  // To be called before the part changes; it has done so many jobs.
  void BeforeChange(int part, int64_t jobs_done, const std::function<ModelCopy()>& copy);
  void Erase(int64_t number) { views_.erase(number); }
  // Complete ones, in order.
  std::vector<int64_t> Completed() const;
  // The part's values after so many jobs, if a view has them aside.
  const ModelCopy* Find(int part, int64_t jobs_done) const;

  void Save(v1::LearnerProgress* progress) const;
  // Views for which `wanted` is false are left out. `blank` makes a part's values, to be filled.
  // DataLoss when there are parts that the model has not.
  absl::Status Load(const v1::LearnerProgress& progress, int parts,
                    const std::function<bool(int64_t number)>& wanted,
                    const std::function<ModelCopy(int part)>& blank);
  // Calls `list` with all that is aside.
  void ForEachAside(
      const std::function<void(int64_t number, int part, ModelCopy& values)>& list) const;

 private:
  std::map<int64_t, View> views_;
};

}  // namespace gradloom

#endif  // GRADLOOM_MODELS_LEARNERS_VIEW_BOOK_H_
