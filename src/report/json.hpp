// How this module writes JSON: keys in the order given, numbers that are not finite as strings.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "attnewton/report/timing_report.hpp"

namespace attnewton {

using Json = nlohmann::ordered_json;

/// `value`, or "nan", "inf", "-inf": JSON has no such numbers, and null would not say which it was.
Json json_number(double value);

/// The text of `json`; bytes that are not UTF-8 (in a file's name) are replaced.
std::string json_text(const Json& json, int indent = -1);

Json timing_json(const TimingSummary& timing);

}  // namespace attnewton
