#include "worker/offer_book.h"

#include <algorithm>
#include <utility>

namespace gradloom {
namespace {

constexpr int kRestPerWork = 10;  // of the time that opening takes

}  // namespace

void OfferBook::Add(const v1::RunOffer& offer, absl::Time now) {
  offers_.insert_or_assign(offer.run(),
                           Entry{next_number_++, offer, now, Backoff(first_pause_), std::nullopt});
}

std::optional<OfferBook::Attempt> OfferBook::Take(absl::Time now) {
  const auto first =
      std::min_element(offers_.begin(), offers_.end(), [](const auto& a, const auto& b) {
        return std::pair(a.second.due, a.second.number) < std::pair(b.second.due, b.second.number);
      });
  if (first == offers_.end() || first->second.due > now) return std::nullopt;
  first->second.due = absl::InfiniteFuture();
  return Attempt{first->second.number, first->second.offer};
}

absl::Time OfferBook::NextTime() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [run, entry] : offers_) next = std::min(next, entry.due);
  return next;
}

OfferBook::News OfferBook::Done(const Attempt& attempt, const std::string& error, absl::Time now,
                                absl::Duration took) {
  const auto found = offers_.find(attempt.offer.run());
  if (found == offers_.end() || found->second.number != attempt.number) return News::kOutdated;
  Entry& entry = found->second;
  if (error.empty()) {
    offers_.erase(found);
    return News::kTell;
  }
  entry.due = now + std::max(entry.backoff.Next(longest_pause_), kRestPerWork * took);
  return std::exchange(entry.error, error) == error ? News::kNone : News::kTell;
}

}  // namespace gradloom
