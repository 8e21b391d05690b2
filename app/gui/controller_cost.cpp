// What an act would make the model read again, said before it is done; and the context as it is now.
#include <fmt/format.h>

#include "app/gui/controller_when.h"

namespace fabula::gui {
namespace {

using session::Act;
using session::Outlook;

constexpr double worth_saying_seconds = 1;
constexpr int64_t tokens_worth_saying = 500;
constexpr int64_t longest_offered_context = int64_t{1} << 17;

bool leads_to_reply(const Act& act) { return act.kind != Act::Kind::go && act.kind != Act::Kind::system; }

}  // namespace

// Asks for the cost; what is cheap and fits goes on at once, the rest waits for answer_cost().
void Controller::weigh(Act act, std::function<void()> go_on, std::function<void()> drop) {
  if (!service_ || weighing_ || cost_question_) return;
  if (current().empty() || frame_.model.phase != session::ModelState::Phase::ready) return go_on();
  weighing_ = true;
  const std::string session = current();
  when<Outlook>(service_->outlook(session, act), [this, session, act, go_on = std::move(go_on), drop = std::move(drop)](Result<Outlook> found) {
    weighing_ = false;
    if (session != current()) return drop ? drop() : void();
    if (!found) return go_on();  // the act itself says what is wrong
    const bool slow = settings_.ask_above_seconds > 0 && found->seconds > settings_.ask_above_seconds;
    const bool full = leads_to_reply(act) && !found->fits;
    if (!slow && !full) {
      say_cost(*found);
      return go_on();
    }
    cost_question_ = CostQuestion{act, *found, go_on, drop};
  });
}

void Controller::say_cost(const Outlook& outlook) {
  if (outlook.seconds < worth_saying_seconds) return;
  say(session::Notice::Kind::info, tr_.format("cost.reads_again", {std::to_string(outlook.prompt_tokens - outlook.stored_tokens), fmt::format("{:.0f}", outlook.seconds)}));
}

void Controller::tell_other_model(const std::string& path) {
  if (!frame_.view || frame_.model.path.empty() || path == frame_.model.path) return;
  int64_t tokens = 0;
  for (const auto& message : frame_.view->path) tokens += static_cast<int64_t>(message->tokens.size());
  if (tokens >= tokens_worth_saying) say(session::Notice::Kind::info, tr_.format("cost.other_model", {std::to_string(tokens)}));
}

void Controller::answer_cost(CostAnswer answer) {
  if (!cost_question_) return;
  const CostQuestion question = *std::exchange(cost_question_, std::nullopt);
  switch (answer) {
    case CostAnswer::go_on: return question.go_on();
    case CostAnswer::drop_oldest: {
      set_context_choice(session::Overflow::drop_oldest, reply_settings().switches);
      return question.go_on();  // commands are done one after the other
    }
    case CostAnswer::longer_context: {
      int64_t& context = settings_.of(mode_).context;
      context = std::max<int64_t>(question.outlook.context, 1024);
      while (context <= question.outlook.prompt_tokens + question.outlook.prompt_tokens / 4 && context < longest_offered_context) context *= 2;
      save_settings();
      reload_model();
      say(session::Notice::Kind::info, tr_.format("cost.longer_loading", {std::to_string(context)}));
      break;
    }
    case CostAnswer::cancel: break;
  }
  if (question.drop) question.drop();
}

// A rough count that errs on the safe side spares most messages the question.
bool Controller::surely_fits(size_t more_bytes) const {
  if (!frame_.view || frame_.model.context <= 0) return true;
  if (frame_.view->settings.overflow == session::Overflow::drop_oldest) return true;
  const auto& settings = frame_.view->settings;
  auto bytes = more_bytes + frame_.view->system.size() + settings.memory.size() + settings.note.size();
  int64_t tokens = 64 + static_cast<int64_t>(bytes);  // at most a token a byte
  for (const auto& message : frame_.view->path) {
    tokens += 16 + (message->tokens.empty() ? static_cast<int64_t>(message->text.size()) : static_cast<int64_t>(message->tokens.size()));
  }
  return tokens < frame_.model.context;
}

const Outlook* Controller::outlook() {
  const auto& view = frame_.view;
  if (!service_ || !view || view->path.empty() || frame_.model.phase != session::ModelState::Phase::ready) return nullptr;
  const std::string wanted = fmt::format("{} {} {} {}", view->info.id, view->revision, frame_.model.path, frame_.model.context);
  if (wanted != outlook_of_ && !asking_outlook_ && !generating()) {
    asking_outlook_ = true;
    if (!outlook_of_.starts_with(view->info.id)) outlook_.reset();
    outlook_of_ = wanted;
    when<Outlook>(service_->outlook(view->info.id, {}), [this, wanted](Result<Outlook> found) {
      asking_outlook_ = false;
      if (found && wanted == outlook_of_) outlook_ = *found;
    });
  }
  return outlook_ ? &*outlook_ : nullptr;
}

}  // namespace fabula::gui
