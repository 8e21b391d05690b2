// Posted commands of the sessions, waited for without holding up the server's thread.
#pragma once

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "app/server/exchange.h"
#include "core/session/answer.h"

namespace fabula::server {

template <class T>
asio::awaitable<Result<T>> answer_of(Exchange& exchange, session::Answer<T> answer) {
  constexpr std::chrono::milliseconds first_look{1}, longest_pause{10};
  asio::steady_timer timer(exchange.executor());
  for (auto pause = first_look; answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
       pause = std::min(pause * 2, longest_pause)) {
    timer.expires_after(pause);
    co_await timer.async_wait(asio::use_awaitable);
  }
  co_return answer.get();
}

}  // namespace fabula::server
