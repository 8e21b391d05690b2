#include "core/base/blocking.h"

namespace fabula {

namespace {

// Of each thread its own: who listens to it.
thread_local BlockingListener* listener_or_null = nullptr;

}  // namespace

ListenForBlocking::ListenForBlocking(BlockingListener& listener) : before_(listener_or_null) {
  listener_or_null = &listener;
}

ListenForBlocking::~ListenForBlocking() {
  listener_or_null = before_;
}

void may_block(std::string_view kind, std::string_view what) {
  if (listener_or_null != nullptr) listener_or_null->may_block(kind, what);
}

}  // namespace fabula
