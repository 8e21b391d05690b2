#include "app/gui/replay_words.h"

#include <algorithm>

namespace fabula::gui {

namespace {

using Outcome = session::ReplayReport::Outcome;
using Reply = session::ReplayReport::Reply;

const Reply* first_or_null(const session::ReplayReport& report, Outcome outcome) {
  const auto found = std::find_if(report.replies.begin(), report.replies.end(), [&](const Reply& reply) { return reply.outcome == outcome; });
  return found == report.replies.end() ? nullptr : &*found;
}

// -1 where one of the two had ended.
std::string token_words(const Strings& tr, int32_t token) {
  return token < 0 ? tr("replay.ended") : std::to_string(token);
}

}  // namespace

std::string replay_words(const Strings& tr, const session::ReplayReport& report,
                         const std::function<std::string(const std::string& message)>& words_of) {
  std::string text;
  if (const Reply* reply = first_or_null(report, Outcome::different))
    text = tr.format("replay.different", {std::to_string(report.different), std::to_string(report.equal + report.different), words_of(reply->message),
                                          std::to_string(reply->first_difference + 1), token_words(tr, reply->expected), token_words(tr, reply->got)});
  else if (report.equal > 0)
    text = tr.count("replay.equal", report.equal);
  else
    text = tr("replay.nothing");
  if (const Reply* reply = first_or_null(report, Outcome::skipped)) {
    text += ' ';
    text += tr.format("replay.skipped", {std::to_string(report.skipped), reply->why});
  }
  return text;
}

}  // namespace fabula::gui
