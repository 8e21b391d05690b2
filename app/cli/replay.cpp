// sessions replay: writes each reply again from its receipt and compares, token by token.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/local_service.h"
#include "core/base/clock.h"
#include "core/base/file.h"

namespace fabula::cli {

namespace {

constexpr uint64_t max_document_bytes = uint64_t{1} << 30;

struct Options {
  std::string subject, model;
  bool json = false;
  EngineFlags engine;
};

const char* outcome_name(session::ReplayReport::Outcome outcome) {
  using Outcome = session::ReplayReport::Outcome;
  return outcome == Outcome::equal ? "equal" : outcome == Outcome::different ? "different" : "skipped";
}

OrderedJson report_json(const session::ReplayReport& report) {
  OrderedJson replies = OrderedJson::array();
  for (const auto& reply : report.replies) {
    OrderedJson row = {
        {"message", reply.message}, {"outcome", outcome_name(reply.outcome)}, {"tokens", reply.tokens}};
    if (reply.first_difference >= 0)
      row["first_difference"] = {
          {"index", reply.first_difference}, {"expected", reply.expected}, {"got", reply.got}};
    if (!reply.why.empty()) row["why"] = reply.why;
    replies.push_back(std::move(row));
  }
  return {{"equal", report.equal},
          {"different", report.different},
          {"skipped", report.skipped},
          {"replies", std::move(replies)}};
}

void print_plain(const session::ReplayReport& report) {
  for (const auto& reply : report.replies) {
    std::printf("%s  %s", reply.message.c_str(), outcome_name(reply.outcome));
    if (reply.first_difference >= 0)
      std::printf(": token %lld was %d and is %d", static_cast<long long>(reply.first_difference),
                  reply.expected, reply.got);
    if (!reply.why.empty()) std::printf(": %s", reply.why.c_str());
    std::printf("\n");
  }
  std::printf("%lld equal, %lld different, %lld skipped\n", static_cast<long long>(report.equal),
              static_cast<long long>(report.different), static_cast<long long>(report.skipped));
}

// The model that the session or document names, unless another is given.
Result<std::string> model_of(LocalService& local, const Options& options, const std::string& document) {
  if (!options.model.empty()) return options.model;
  if (document.empty()) {
    FABULA_ASSIGN(const session::SessionView view, local.service().open_session(options.subject).get());
    if (!view.info.model_path.empty()) return view.info.model_path;
    return Error{ErrorCode::not_found, "this session names no model; -m does"};
  }
  FABULA_ASSIGN(const Json parsed, parse_json(document, options.subject));
  const Json::json_pointer name("/session/model/name");
  if (parsed.contains(name) && parsed[name].is_string()) return parsed[name].get<std::string>();
  return Error{ErrorCode::not_found, "this document names no model; -m does"};
}

Status replay(App& app, const Options& options) {
  std::string document;
  if (!is_uuid(options.subject)) {
    FABULA_ASSIGN(document, read_file(options.subject, max_document_bytes));
  }
  FABULA_ASSIGN(const auto local, LocalService::open(app));
  FABULA_ASSIGN(const std::string model, model_of(*local, options, document));
  FABULA_TRY(local->load(app, options.engine, model, session::Mode::chat));
  FABULA_ASSIGN(const session::ReplayReport report,
                (document.empty() ? local->service().replay(options.subject)
                                  : local->service().replay_document(document))
                    .get());
  if (options.json)
    print_json(report_json(report));
  else
    print_plain(report);
  if (report.different > 0) app.exit_code = 1;
  return {};
}

}  // namespace

void add_replay(CLI::App& sessions, App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      sessions.add_subcommand("replay", "Writes each reply again from its receipt and compares");
  command->add_option("subject", options->subject, "Session, or file of an exported one")->required();
  command->add_option("-m,--model", options->model, "Model (default: the one that the session names)");
  command->add_flag("--json", options->json, "Print JSON");
  options->engine.add_to(*command);
  set_body(*command, app, [options, &app] { return replay(app, *options); });
}

}  // namespace fabula::cli
