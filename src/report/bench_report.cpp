#include "attnewton/report/bench_report.hpp"

#include <array>

#include <fmt/format.h>

#include "json.hpp"

namespace attnewton {
namespace {

constexpr double giga = 1e9;

// A kernel that is no sum of products (exp) has no share.
bool has_operations(const KernelRow& row) {
  return row.count.operations > 0;
}

std::string percent_text(const KernelRow& row, double operations, double dgemm_gflops) {
  return operations > 0 ? fmt::format("{:.1f} %", 100 * gflops(row, operations) / dgemm_gflops) : "";
}

std::string kernel_text(const KernelRow& row) {
  return row.precision == "double" ? row.kernel : fmt::format("{} {}", row.kernel, row.precision);
}

std::string memory_text(Index bytes) {
  constexpr double mebibyte = 1024.0 * 1024;
  return bytes > 0 ? fmt::format("{:.0f} MiB", static_cast<double>(bytes) / mebibyte) : "";
}

struct Column {
  const char* title;
  int width;
  std::string (*text)(const KernelRow&, double dgemm_gflops);
};

using Row = KernelRow;
constexpr std::array<Column, 12> columns = {{
    {"kernel", -20, [](const Row& r, double) { return kernel_text(r); }},
    {"n", 8, [](const Row& r, double) { return fmt::format("{}", r.n); }},
    {"d", 5, [](const Row& r, double) { return fmt::format("{}", r.d); }},
    {"sequence", 8,
     [](const Row& r, double) { return r.sequence > 0 ? fmt::format("{}", r.sequence) : std::string(); }},
    {"mask", 6, [](const Row& r, double) { return r.mask; }},
    {"times", 5, [](const Row& r, double) { return fmt::format("{}", r.repetitions.count()); }},
    {"median s", 10, [](const Row& r, double) { return fmt::format("{:.3g}", r.repetitions.median()); }},
    {"least s", 10, [](const Row& r, double) { return fmt::format("{:.3g}", r.repetitions.fastest()); }},
    {"GFLOP/s", 8,
     [](const Row& r, double) {
       return has_operations(r) ? fmt::format("{:.1f}", gflops(r, r.count.operations)) : std::string();
     }},
    {"of dgemm", 8, [](const Row& r, double peak) { return percent_text(r, r.count.operations, peak); }},
    {"scores", 8, [](const Row& r, double peak) { return percent_text(r, r.count.score_operations, peak); }},
    {"memory", 10, [](const Row& r, double) { return memory_text(r.peak_memory_bytes); }},
}};

template <class Text>
std::string table_line(Text&& text) {
  std::string line;
  for (const Column& column : columns) {
    const std::string gap = line.empty() ? "" : "  ";
    line += column.width < 0 ? fmt::format("{}{:<{}}", gap, text(column), -column.width)
                             : fmt::format("{}{:>{}}", gap, text(column), column.width);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

void add_if_named(Json& json, const char* key, const std::string& value) {
  if (!value.empty()) json[key] = value;
}

void add_speeds(Json& json, const KernelRow& row, double dgemm) {
  const OperationCount& count = row.count;
  json["operations"] = json_number(count.operations);
  if (has_operations(row)) {
    json["gflops"] = json_number(gflops(row, count.operations));
    json["share_of_dgemm"] = json_number(gflops(row, count.operations) / dgemm);
  }
  if (count.score_operations > 0) {
    json["score_operations"] = json_number(count.score_operations);
    json["score_gflops"] = json_number(gflops(row, count.score_operations));
    json["score_share_of_dgemm"] = json_number(gflops(row, count.score_operations) / dgemm);
  }
  if (count.exponentials > 0) {
    json["exponentials"] = json_number(count.exponentials);
    json["exp_per_second"] = json_number(exponentials_per_second(row));
  }
}

Json row_json(const KernelRow& row, const BenchReport& report) {
  Json json;
  json["kernel"] = row.kernel;
  json["precision"] = row.precision;
  json["n"] = row.n;
  json["d"] = row.d;
  if (row.output_width > 0) json["output_width"] = row.output_width;
  if (row.sequence > 0) json["sequence"] = row.sequence;
  add_if_named(json, "mask", row.mask);
  add_if_named(json, "variables", row.variables);
  add_if_named(json, "hessian", row.hessian);
  json["ranks"] = report.ranks;
  json["threads"] = report.threads_per_rank;
  json["repetitions"] = row.repetitions.count();
  json["seconds"] = json_number(row.repetitions.median());
  json["min_seconds"] = json_number(row.repetitions.fastest());
  add_speeds(json, row, report.machine.dgemm_gflops());
  if (row.peak_memory_bytes > 0) json["peak_memory_bytes"] = row.peak_memory_bytes;
  return json;
}

}  // namespace

void MachineFigures::add_dgemm(const Rate& rate) {
  std::vector<double> samples;
  for (const double seconds : rate.repetitions.seconds) samples.push_back(rate.amount / seconds / giga);
  dgemm_gflops_last = median(samples);
  if (dgemm_gflops_samples.empty()) dgemm_gflops_first = dgemm_gflops_last;
  dgemm_gflops_samples.insert(dgemm_gflops_samples.end(), samples.begin(), samples.end());
}

double MachineFigures::dgemm_gflops() const {
  return median(dgemm_gflops_samples);
}

double gflops(const KernelRow& row, double operations) {
  return operations / row.repetitions.median() / giga;
}

double exponentials_per_second(const KernelRow& row) {
  return row.count.exponentials / row.repetitions.median();
}

std::string machine_text(const MachineFigures& machine) {
  return fmt::format(
      "dgemm                {:8.1f} GFLOP/s\n"
      "exp of doubles       {:8.3f} G/s\n"
      "exp of floats        {:8.3f} G/s\n"
      "memory, a = b + s c  {:8.1f} GB/s",
      machine.dgemm_gflops(), machine.exp_per_second / giga, machine.exp_float_per_second / giga,
      machine.bandwidth);
}

std::string kernel_heading() {
  return table_line([](const Column& column) { return std::string(column.title); });
}

std::string kernel_line(const KernelRow& row, double dgemm_gflops) {
  return table_line([&](const Column& column) { return column.text(row, dgemm_gflops); });
}

std::string dgemm_text(const MachineFigures& machine) {
  return fmt::format(
      "dgemm: {:.1f} GFLOP/s at the start, {:.1f} at the end, {:.1f} the median of {} samples.",
      machine.dgemm_gflops_first, machine.dgemm_gflops_last, machine.dgemm_gflops(),
      machine.dgemm_gflops_samples.size());
}

std::string bench_json(const BenchReport& report) {
  const MachineFigures& machine = report.machine;
  Json samples = Json::array();
  for (const double sample : machine.dgemm_gflops_samples) samples.push_back(json_number(sample));
  Json rows = Json::array();
  for (const KernelRow& row : report.kernels) rows.push_back(row_json(row, report));
  Json json;
  json["dgemm_gflops"] = json_number(machine.dgemm_gflops());
  json["dgemm_gflops_first"] = json_number(machine.dgemm_gflops_first);
  json["dgemm_gflops_last"] = json_number(machine.dgemm_gflops_last);
  json["dgemm_gflops_samples"] = std::move(samples);
  json["exp_per_second"] = json_number(machine.exp_per_second);
  json["exp_float_per_second"] = json_number(machine.exp_float_per_second);
  json["bandwidth"] = json_number(machine.bandwidth);
  json["ranks"] = report.ranks;
  json["threads_per_rank"] = report.threads_per_rank;
  json["kernels"] = std::move(rows);
  json["options"] = options_json(report.options);
  json["provenance"] = provenance_json(report.provenance);
  return json_text(json, 2) + "\n";
}

}  // namespace attnewton
