#include "models/learners/view_book.h"

#include <algorithm>
#include <utility>

namespace gradloom {

const ViewBook::Aside* ViewBook::FindAside(int64_t number, int part) const {
  const auto view = views_.find(number);
  if (view == views_.end()) return nullptr;
  const auto found = view->second.asides.find(part);
  return found == view->second.asides.end() ? nullptr : &found->second;
}

void ViewBook::Arrive(int64_t number, int part) {
  views_[number].current.insert(part);
  views_[number].arrived.insert(part);
}

void ViewBook::Complete(int64_t number, int parts) {
  View& view = views_.at(number);
  view.complete = true;
  for (int part = 0; part < parts; ++part) {
    if (!view.Has(part)) view.current.insert(part);
  }
}

void ViewBook::BeforeChange(int part, int64_t jobs_done, const std::function<ModelCopy()>& copy) {
  std::shared_ptr<ModelCopy> values;  // one for all views
  for (auto& [number, view] : views_) {
    if (view.current.erase(part) == 0) continue;
    if (values == nullptr) values = std::make_shared<ModelCopy>(copy());
    view.asides[part] = {values, jobs_done};
  }
}

std::vector<int64_t> ViewBook::Completed() const {
  std::vector<int64_t> numbers;
  for (const auto& [number, view] : views_) {
    if (view.complete) numbers.push_back(number);
  }
  return numbers;
}

const ModelCopy* ViewBook::Find(int part, int64_t jobs_done) const {
  for (const auto& [number, view] : views_) {
    const auto found = view.asides.find(part);
    if (found != view.asides.end() && found->second.jobs_done == jobs_done) {
      return found->second.values.get();
    }
  }
  return nullptr;
}

void ViewBook::Save(v1::LearnerProgress* progress) const {
  for (const auto& [number, view] : views_) {
    v1::LearnerProgress::View* saved = progress->add_views();
    saved->set_number(number);
    saved->set_complete(view.complete);
    for (const auto& [part, aside] : view.asides) {
      saved->add_lanes(static_cast<uint32_t>(part));
      saved->add_jobs_done(static_cast<uint64_t>(aside.jobs_done));
    }
    for (const int part : view.current) saved->add_current(static_cast<uint32_t>(part));
    for (const int part : view.arrived) saved->add_arrived(static_cast<uint32_t>(part));
  }
}

absl::Status ViewBook::Load(const v1::LearnerProgress& progress, int parts,
                            const std::function<bool(int64_t number)>& wanted,
                            const std::function<ModelCopy(int part)>& blank) {
  views_.clear();
  const absl::Status damaged = absl::DataLossError("the checkpoint's views are damaged");
  for (const v1::LearnerProgress::View& saved : progress.views()) {
    if (saved.number() < 0) return damaged;
    if (!wanted(saved.number())) continue;
    View& view = views_[saved.number()];
    view.complete = saved.complete();
    for (int i = 0; i < std::min(saved.lanes_size(), saved.jobs_done_size()); ++i) {
      if (saved.lanes(i) >= static_cast<uint32_t>(parts)) return damaged;
      const int part = static_cast<int>(saved.lanes(i));
      view.asides[part] = {std::make_shared<ModelCopy>(blank(part)),
                           static_cast<int64_t>(saved.jobs_done(i))};
    }
    for (const uint32_t part : saved.current()) {
      if (part >= static_cast<uint32_t>(parts)) return damaged;
      if (!view.Has(static_cast<int>(part))) view.current.insert(static_cast<int>(part));
    }
    bool all = true;
    for (int part = 0; part < parts; ++part) all = all && view.Has(part);
    view.complete = view.complete || all;  // an earlier version did not say so
    for (const uint32_t part : saved.arrived()) {
      if (part >= static_cast<uint32_t>(parts)) return damaged;
      view.arrived.insert(static_cast<int>(part));
    }
    // An earlier version set aside what had arrived, and nothing else.
    if (view.arrived.empty()) {
      for (const auto& [part, aside] : view.asides) view.arrived.insert(part);
    }
  }
  return absl::OkStatus();
}

void ViewBook::ForEachAside(
    const std::function<void(int64_t number, int part, ModelCopy& values)>& list) const {
  for (const auto& [number, view] : views_) {
    for (const auto& [part, aside] : view.asides) list(number, part, *aside.values);
  }
}

}  // namespace gradloom
