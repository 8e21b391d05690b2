// How the controller's parts wait for answers without waiting: private to controller*.cpp.
#pragma once

#include <chrono>

#include "app/gui/controller.h"

namespace fabula::gui {

template <class T>
void Controller::when(session::Answer<T> answer, std::function<void(Result<T>)> then) {
  auto shared = std::make_shared<session::Answer<T>>(std::move(answer));
  pending_.push_back([shared, then = std::move(then)] {
    if (!shared->valid()) return true;
    if (shared->wait_for(std::chrono::seconds(0)) != std::future_status::ready) return false;
    then(shared->get());
    return true;
  });
}

template <class T>
void Controller::when_or_say(session::Answer<T> answer, std::function<void(T)> then) {
  when<T>(std::move(answer), [this, then = std::move(then)](Result<T> result) {
    if (!result) {
      say(session::Notice::Kind::error, result.error().message);
    } else if (then) {
      then(*std::move(result));
    }
  });
}

}  // namespace fabula::gui
