#include "attnewton/report/iteration_log.hpp"

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

#include "json.hpp"

namespace attnewton {

std::string iteration_json(const IterationRecord& record) {
  Json json;
  json["iteration"] = record.iteration;
  json["method"] = record.method;
  json["loss"] = json_number(record.objective.loss);
  json["data_loss"] = json_number(record.objective.data_loss);
  json["relative_residual"] = json_number(record.objective.relative_residual);
  json["gradient_norm"] = json_number(record.gradient_norm);
  json["relative_gradient"] = json_number(record.relative_gradient);
  json["step_norm"] = json_number(record.step_norm);
  json["damping"] = json_number(record.damping);
  json["ratio"] = json_number(record.ratio);
  json["trials"] = record.trials;
  json["factorisations"] = record.factorisations;
  json["products"] = record.products;
  json["hessian_precision"] = to_string(record.curvature);
  json["seconds"] = json_number(record.seconds);
  return json_text(json);
}

IterationLog::IterationLog(const std::string& path) : file_(path, std::ios::out | std::ios::trunc) {
  if (!file_)
    throw IoError(fmt::format("{}: cannot be written: {}", path, std::generic_category().message(errno)));
}

void IterationLog::on_iteration(const IterationRecord& record) {
  file_ << iteration_json(record) << '\n' << std::flush;
}

}  // namespace attnewton
