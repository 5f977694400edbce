#include "attnewton/report/result.hpp"

#include <algorithm>
#include <array>

#include "attnewton/core/error.hpp"
#include "attnewton/kernels/instruction_set.hpp"
#include "attnewton/parallel/threads.hpp"

#include "json.hpp"

namespace attnewton {
namespace {

std::string mpi_library_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  return text.data();  // `length` may count the terminator
}

std::vector<std::string> hosts_of(const Communicator& comm) {
  std::vector<std::string> hosts;
  for (const std::string& host : comm.all_gather(host_name())) {
    if (std::find(hosts.begin(), hosts.end(), host) == hosts.end()) hosts.push_back(host);
  }
  return hosts;
}

struct OptionJson {
  Json operator()(double value) const { return json_number(value); }
  template <class Value>
  Json operator()(const Value& value) const {
    return value;
  }
};

Json inputs_json(const std::vector<InputFile>& inputs) {
  Json json = Json::object();
  for (const InputFile& input : inputs) json[input.option] = {{"path", input.path}, {"hash", input.hash}};
  return json;
}

Json reference_json(const ReferenceReport& report) {
  Json json = Json::object();
  for (const auto& [name, error] : report.errors) json[name] = json_number(error);
  return json;
}

Json sizes_json(const std::vector<std::pair<std::string, Index>>& sizes) {
  Json json = Json::object();
  for (const auto& [name, size] : sizes) json[name] = size;
  return json;
}

}  // namespace

Json options_json(const std::vector<UsedOption>& options) {
  Json given = Json::object();
  Json used = Json::object();
  for (const UsedOption& option : options) {
    const Json value = std::visit(OptionJson{}, option.value);
    used[option.name] = value;
    if (option.given) given[option.name] = value;
  }
  return {{"given", given}, {"used", used}};
}

Json provenance_json(const Provenance& provenance) {
  Json json;
  json["version"] = provenance.build.version;
  json["git_commit"] = provenance.build.git_commit;
  json["compiler"] = provenance.build.compiler;
  json["build_type"] = provenance.build.build_type;
  json["mpi"] = provenance.mpi_library;
  json["blas"] = provenance.blas;
  json["kernels"] = provenance.kernels;
  json["hosts"] = provenance.hosts;
  json["utc_time"] = provenance.utc_time;
  json["command"] = provenance.command;
  json["seed"] = provenance.seed;
  json["inputs"] = inputs_json(provenance.inputs);
  return json;
}

Provenance collect_provenance(const Communicator& comm) {
  Provenance provenance;
  provenance.build = build_info();
  provenance.mpi_library = mpi_library_version();
  provenance.blas = blas_description();
  provenance.kernels = name_of(instruction_set());
  provenance.hosts = hosts_of(comm);
  provenance.utc_time = utc_time_now();
  return provenance;
}

SolveResult result_of(const SolveSummary& summary) {
  require(summary.point != nullptr, "result_of: a solve ends at a point");
  SolveResult result;
  result.status = summary.status;
  result.reason = summary.reason;
  result.iterations = summary.iterations;
  result.objective = summary.point->objective();
  result.initial_loss = summary.initial_loss;
  result.gradient_norm = summary.gradient_norm;
  result.initial_gradient_norm = summary.initial_gradient_norm;
  result.seconds = summary.seconds;
  return result;
}

std::string result_json(const SolveResult& result) {
  Json json;
  json["status"] = to_string(result.status);
  json["reason"] = result.reason;
  json["problem"] = result.problem;
  json["sizes"] = sizes_json(result.sizes);
  json["iterations"] = result.iterations;
  json["last_method"] = result.last_method;
  json["loss"] = json_number(result.objective.loss);
  json["data_loss"] = json_number(result.objective.data_loss);
  json["relative_residual"] = json_number(result.objective.relative_residual);
  json["initial_loss"] = json_number(result.initial_loss);
  json["gradient_norm"] = json_number(result.gradient_norm);
  json["initial_gradient_norm"] = json_number(result.initial_gradient_norm);
  json["seconds"] = json_number(result.seconds);
  json["peak_memory_bytes"] = result.peak_memory_bytes;
  json["ranks"] = result.ranks;
  json["threads_per_rank"] = result.threads_per_rank;
  if (result.reference) json["reference"] = reference_json(*result.reference);
  json["options"] = options_json(result.options);
  json["timing"] = timing_json(result.timing);
  json["provenance"] = provenance_json(result.provenance);
  return json_text(json, 2) + "\n";
}

}  // namespace attnewton
