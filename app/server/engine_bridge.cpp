#include "app/server/engine_bridge.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace fabula::server {

asio::awaitable<void> Signal::wait(std::chrono::milliseconds longest) {
  boost::system::error_code cancelled;
  timer_.expires_after(longest);
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

Generations::Generations(EngineBridge& bridge) : bridge_(bridge), signal_(bridge.io_) {}

Generations::~Generations() {
  for (size_t i = 0; i < ids_.size(); ++i) {
    bridge_.places_.erase(ids_[i]);
    if (!finished_[i]) bridge_.engine_.cancel(ids_[i]);
  }
}

Status Generations::add(engine::GenerateRequest request) {
  FABULA_ASSIGN(const engine::RequestId id, bridge_.engine_.submit(std::move(request), *bridge_.consumer_));
  bridge_.places_[id] = {this, ids_.size()};
  ids_.push_back(id);
  finished_.push_back(false);
  ++running_;
  return {};
}

asio::awaitable<std::optional<Generations::Arrival>> Generations::next(std::chrono::milliseconds longest) {
  if (arrivals_.empty()) co_await signal_.wait(longest);
  if (arrivals_.empty()) co_return std::nullopt;
  const Arrival arrival = arrivals_.front();
  arrivals_.pop_front();
  if (arrival.event.kind == engine::Event::Kind::finished && !finished_[arrival.index]) {
    finished_[arrival.index] = true;
    --running_;
  }
  co_return arrival;
}

Error Generations::take_error(size_t index) {
  return bridge_.consumer_->take_error(ids_[index]);
}

std::vector<engine::Choice> Generations::take_alternatives(size_t index, int64_t token_index) {
  return bridge_.consumer_->take_alternatives(ids_[index], token_index);
}

EngineBridge::EngineBridge(engine::Engine& engine, asio::io_context& io) : engine_(engine), io_(io) {
  consumer_ = engine_.make_consumer([this, alive = std::weak_ptr<bool>(alive_)] {
    asio::post(io_, [this, alive] {
      if (alive.lock()) drain();
    });
  });
}

EngineBridge::~EngineBridge() {
  alive_.reset();
  consumer_.reset();
}

void EngineBridge::drain() {
  engine::Event event;
  while (consumer_->poll(event)) {
    const auto found = places_.find(event.request);
    if (found == places_.end()) continue;  // its client has left
    found->second.group->arrivals_.push_back({found->second.index, event});
    found->second.group->signal_.notify();
  }
}

}  // namespace fabula::server
