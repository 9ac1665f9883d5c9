#include "coordinator/engine/held_rows.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace gradloom {
namespace {

v1::HeldRow ToProto(const MetricsRow& row) {
  v1::HeldRow held;
  held.set_job(row.job);
  held.set_wall_seconds(row.wall_seconds);
  held.set_epoch(row.epoch);
  if (row.round.has_value()) held.set_round(*row.round);
  if (row.loss.has_value()) held.set_loss(*row.loss);
  if (row.stragglers.has_value()) held.set_stragglers(*row.stragglers);
  for (const auto& [column, value] : row.more) (*held.mutable_more())[column] = value;
  return held;
}

MetricsRow ToRow(const v1::HeldRow& held) {
  MetricsRow row;
  row.job = held.job();
  row.wall_seconds = held.wall_seconds();
  row.epoch = held.epoch();
  if (held.has_round()) row.round = held.round();
  if (held.has_loss()) row.loss = held.loss();
  if (held.has_stragglers()) row.stragglers = held.stragglers();
  row.more = {held.more().begin(), held.more().end()};
  return row;
}

}  // namespace

void HeldRows::Add(int lane, MetricsRow row, const std::optional<int64_t>& view) {
  lanes_[lane].push_back({std::move(row), view});
}

std::optional<MetricsRow> HeldRows::Evaluated(int lane, int64_t view,
                                              const Evaluation& evaluation) {
  const auto waits = [view](const Held& held) { return held.view == view; };
  const auto found = std::find_if(lanes_[lane].begin(), lanes_[lane].end(), waits);
  if (found == lanes_[lane].end()) return std::nullopt;
  found->row.test_loss = evaluation.loss;
  found->row.test_accuracy = evaluation.accuracy;
  found->view.reset();
  return found->row;
}

std::vector<MetricsRow> HeldRows::Take(int lane, uint64_t jobs_done) {
  std::vector<MetricsRow> rows;
  std::deque<Held>& held = lanes_[lane];
  while (!held.empty() && !held.front().view.has_value() && held.front().row.job < jobs_done) {
    rows.push_back(std::move(held.front().row));
    held.pop_front();
  }
  return rows;
}

std::vector<MetricsRow> HeldRows::Peek(int lane, uint64_t jobs_done) const {
  std::vector<MetricsRow> rows;
  for (const Held& held : lanes_[lane]) {
    if (held.row.job < jobs_done) rows.push_back(held.row);
  }
  return rows;
}

std::optional<uint64_t> HeldRows::FirstJob(int lane) const {
  if (lanes_[lane].empty()) return std::nullopt;
  return lanes_[lane].front().row.job;
}

uint64_t HeldRows::NextRound() const {
  uint64_t next = 0;
  for (const std::deque<Held>& lane : lanes_) {
    for (const Held& held : lane) {
      if (held.row.round.has_value()) next = std::max(next, *held.row.round + 1);
    }
  }
  return next;
}

void HeldRows::Save(int first, int lanes, Saved* saved) const {
  for (int lane = 0; lane < lanes; ++lane) {
    for (const Held& held : lanes_[first + lane]) {
      v1::HeldRow* const row = saved->Add();
      *row = ToProto(held.row);
      row->set_lane(static_cast<uint32_t>(lane));
      if (held.view.has_value()) row->set_view(*held.view);
    }
  }
}

void HeldRows::Load(int first, std::span<const std::string> names, const Saved& saved,
                    std::span<const int64_t> due) {
  for (const v1::HeldRow& held : saved) {
    if (held.lane() >= names.size()) continue;
    MetricsRow row = ToRow(held);
    row.trial = names[held.lane()];
    const bool waits =
        held.has_view() && std::find(due.begin(), due.end(), held.view()) != due.end();
    Add(first + static_cast<int>(held.lane()), std::move(row),
        waits ? std::optional(held.view()) : std::nullopt);
  }
}

}  // namespace gradloom
