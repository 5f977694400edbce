#include "attnewton/report/console_table.hpp"

#include <array>
#include <cmath>
#include <ostream>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

constexpr Index rows_between_headers = 25;

struct Column {
  const char* title;
  int width;
  bool verbose_only;
  std::string (*text)(const IterationRecord&);
};

std::string after_a_step(const IterationRecord& record, std::string text) {
  return record.iteration == 0 ? "-" : std::move(text);
}

std::string ratio_text(double ratio) {
  return std::abs(ratio) < 1000 ? fmt::format("{:.3f}", ratio) : fmt::format("{:.1e}", ratio);
}

// One trial a step is the rule, so that only the others are worth a look.
std::string trials_text(Index trials) {
  return trials > 1 ? fmt::format("{}", trials) : "";
}

// Many methods have none.
std::string products_text(Index products) {
  return products > 0 ? fmt::format("{}", products) : "";
}

using Record = IterationRecord;
constexpr std::array<Column, 13> columns = {{
    {"iter", 4, false, [](const Record& r) { return fmt::format("{}", r.iteration); }},
    {"method", 9, false, [](const Record& r) { return after_a_step(r, r.method); }},
    {"loss", 16, false, [](const Record& r) { return fmt::format("{:.9e}", r.objective.loss); }},
    {"|g|/|g0|", 9, false, [](const Record& r) { return fmt::format("{:.2e}", r.relative_gradient); }},
    {"|g|", 9, true, [](const Record& r) { return fmt::format("{:.2e}", r.gradient_norm); }},
    {"residual", 9, false,
     [](const Record& r) { return fmt::format("{:.2e}", r.objective.relative_residual); }},
    {"step", 9, false, [](const Record& r) { return after_a_step(r, fmt::format("{:.2e}", r.step_norm)); }},
    {"damping", 9, false, [](const Record& r) { return after_a_step(r, fmt::format("{:.2e}", r.damping)); }},
    {"ratio", 8, false, [](const Record& r) { return after_a_step(r, ratio_text(r.ratio)); }},
    {"trials", 6, false, [](const Record& r) { return trials_text(r.trials); }},
    {"products", 8, false, [](const Record& r) { return products_text(r.products); }},
    {"factor.", 7, true,
     [](const Record& r) { return after_a_step(r, fmt::format("{}", r.factorisations)); }},
    {"seconds", 9, false, [](const Record& r) { return fmt::format("{:.2f}", r.seconds); }},
}};

template <class Text>
void print_row(std::ostream& out, bool verbose, Text&& text) {
  std::string line;
  for (const Column& column : columns) {
    if (column.verbose_only && !verbose) continue;
    line += fmt::format("{}{:>{}}", line.empty() ? "" : "  ", text(column), column.width);
  }
  out << line << '\n';
}

}  // namespace

ConsoleTable::ConsoleTable(std::ostream& out, const ConsoleTableOptions& options)
    : out_(out), options_(options) {
  require(options_.log_every >= 1, "ConsoleTable: log_every is positive");
}

void ConsoleTable::on_iteration(const IterationRecord& record) {
  if (record.iteration % options_.log_every == 0) {
    print(record);
  } else {
    skipped_ = record;
  }
}

void ConsoleTable::finish() {
  if (skipped_) print(*skipped_);
}

void ConsoleTable::print(const IterationRecord& record) {
  if (rows_printed_ % rows_between_headers == 0) {
    print_row(out_, options_.verbose, [](const Column& column) { return std::string(column.title); });
  }
  print_row(out_, options_.verbose, [&record](const Column& column) { return column.text(record); });
  out_.flush();
  ++rows_printed_;
  skipped_.reset();
}

}  // namespace attnewton
