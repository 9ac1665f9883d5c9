#include "tests/simulation/safety_book.h"

namespace gradloom {

void SafetyBook::BeginLife(uint64_t life, const TrialSet& trials) {
  life_ = life;
  trials_ = &trials;
  tasks_.clear();
  connected_.clear();
  next_job_.clear();
  applying_.assign(trials.lanes(), false);
  delivered_.assign(trials.lanes(), {});
  saving_ = finishing_ = ended_ = false;
  for (int lane = 0; lane < trials.lanes(); ++lane) {
    const int64_t done = trials.of_lane(lane).progress(trials.place(lane).lane).jobs_done;
    next_job_.push_back(done);
    if (lane < static_cast<int>(durable_.size()) && done < durable_[lane]) {
      Complain(absl::StrCat("life ", life_, ": lane ", lane, " begins at job ", done,
                            ", though a checkpoint of job ", durable_[lane], " was saved"));
    }
    if (done > 0) CompareParameters(trials.place(lane).trial, done);
  }
}

int SafetyBook::LaneOf(const v1::Task& task) const {
  for (int lane = 0; lane < trials_->lanes(); ++lane) {
    const TrialSet::Place place = trials_->place(lane);
    if (place.trial == static_cast<int>(task.trial()) &&
        place.lane == static_cast<int>(task.lane())) {
      return lane;
    }
  }
  return -1;
}

void SafetyBook::Asked(WorkerId worker, const v1::Task& task) {
  const std::string name = absl::StrCat("life ", life_, ": task ", task.id());
  if (finishing_) Complain(name + " is asked after the end");
  if (!ever_.insert(task.id()).second) Complain(name + " has a number that was given before");
  if (!connected_.contains(worker)) {
    Complain(absl::StrCat(name, " is asked of connection ", worker, ", which is gone"));
  }
  const int lane = LaneOf(task);
  const auto job = static_cast<int64_t>(task.job());
  if (lane < 0) return Complain(name + " is of no lane");
  if (job != next_job_[lane]) {
    Complain(absl::StrCat(name, " is of job ", job, " of lane ", lane, ", whose next is ",
                          next_job_[lane]));
  }
  for (const auto& [id, other] : tasks_) {
    if (!other.open || other.slot != static_cast<int>(task.slot())) continue;
    if (other.worker != worker && connected_.contains(other.worker)) {
      Complain(absl::StrCat(name, " is asked of connection ", worker, " while connection ",
                            other.worker, " is still at task ", id, " of that slot"));
    }
    if (other.lane == lane && other.job == job && other.part == static_cast<int>(task.part()) &&
        other.worker == worker) {
      Complain(absl::StrCat(name, " asks again for what task ", id, " is at"));
    }
  }
  tasks_[task.id()] = {worker, lane, job, static_cast<int>(task.part()),
                       static_cast<int>(task.slot())};
}

void SafetyBook::Failed(WorkerId worker, TaskId task) {
  const auto found = tasks_.find(task);
  if (found == tasks_.end() || found->second.worker != worker) return;
  found->second.open = false;
  found->second.failed = true;
}

void SafetyBook::Dropped(WorkerId worker, uint64_t task) {
  const auto found = tasks_.find(task);
  if (found == tasks_.end() || found->second.worker != worker) {
    return Complain(absl::StrCat("life ", life_, ": connection ", worker, " is told to drop task ",
                                 task, ", which it does not have"));
  }
  found->second.open = false;
}

bool SafetyBook::MayApply(const ApplyJob& apply) {
  const size_t before = complaints_.size();
  const std::string name = absl::StrCat("life ", life_, ": job ", apply.lane_job, " of lane ",
                                        apply.lane, " is applied");
  if (finishing_) Complain(name + " after the end");
  if (applying_[apply.lane]) Complain(name + " while another is");
  if (apply.lane_job != next_job_[apply.lane]) {
    Complain(absl::StrCat(name, ", the next is ", next_job_[apply.lane]));
  }
  const std::set<int>& parts = delivered_[apply.lane][apply.lane_job];
  for (const JobDecoding::Weight& weight : apply.decoding.weights) {
    if (!parts.contains(weight.part)) {
      Complain(absl::StrCat(name, " with part ", weight.part, ", which nobody was asked for who ",
                            "has answered"));
    }
  }
  applying_[apply.lane] = true;
  return complaints_.size() == before;
}

void SafetyBook::Checkpoint() {
  if (saving_) Complain("a checkpoint is asked for while one is being saved");
  if (finishing_) Complain("a checkpoint is asked for after the end");
  saving_ = true;
}

void SafetyBook::Finish() {
  if (finishing_) Complain("the run ends twice");
  finishing_ = true;
}

void SafetyBook::Ended() {
  if (!finishing_ || ended_)
    Complain("the run's end is told before its files are written, or twice");
  ended_ = true;
}

bool SafetyBook::Wanted(TaskId task, WorkerId worker) const {
  const auto found = tasks_.find(task);
  return !finishing_ && found != tasks_.end() && found->second.open &&
         found->second.worker == worker && found->second.job == next_job_[found->second.lane];
}

void SafetyBook::Entered(TaskId task, WorkerId worker, bool let_in, bool right_count) {
  const bool wanted = Wanted(task, worker) && right_count;
  const auto found = tasks_.find(task);
  const std::string name =
      absl::StrCat("life ", life_, ": the reply to task ", task, " by connection ", worker);
  if (let_in && !wanted) {
    // Where its twin was taken, or the task has failed and yet is answered, it adds nothing new.
    const bool harmless =
        right_count && found != tasks_.end() && found->second.worker == worker &&
        (found->second.failed ||
         delivered_[found->second.lane][found->second.job].contains(found->second.part));
    if (!harmless) Complain(name + " is let in, which is not wanted");
  }
  // Of a connection that is gone the task may have moved on, unseen from here.
  if (!let_in && wanted && connected_.contains(worker)) {
    Complain(name + " is refused, which is wanted");
  }
}

void SafetyBook::Delivered(TaskId id) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) return;
  Task& task = found->second;
  task.open = false;
  delivered_[task.lane][task.job].insert(task.part);
}

void SafetyBook::Applied(int lane, int64_t job) {
  applying_[lane] = false;
  ++next_job_[lane];
  CompareParameters(trials_->place(lane).trial, job + 1);
}

void SafetyBook::CompareParameters(int trial, int64_t jobs_done) {
  const Trial& of = *trials_->trials()[trial];
  const int64_t done = of.jobs_done();
  if (done != jobs_done) {
    Complain(absl::StrCat("life ", life_, ": trial ", trial, " has done ", done, " jobs, not ",
                          jobs_done));
  }
  const std::string digest = of.Sha256();
  std::string& known = trajectory_[{trial, jobs_done}];
  const std::string before = std::exchange(known, digest);
  if (same_bits_ && !before.empty() && before != digest) {
    Complain(absl::StrCat("life ", life_, ": trial ", trial, " has other parameters after job ",
                          jobs_done - 1, " than in an earlier life"));
  }
  if (expected_ == nullptr) return;
  const auto right = expected_->find({trial, jobs_done});
  if (right == expected_->end() || right->second != digest) {
    Complain(absl::StrCat("life ", life_, ": trial ", trial, " has other parameters after job ",
                          jobs_done - 1, " than an undisturbed run"));
  }
}

}  // namespace gradloom
