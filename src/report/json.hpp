// How this module writes JSON: keys in the order given, numbers that are not finite as strings.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "attnewton/report/result.hpp"

namespace attnewton {

using Json = nlohmann::ordered_json;

/// `value`, or "nan", "inf", "-inf": JSON has no such numbers, and null would not say which it was.
Json json_number(double value);

/// The text of `json`; bytes that are not UTF-8 (in a file's name) are replaced.
std::string json_text(const Json& json, int indent = -1);

Json timing_json(const TimingSummary& timing);

/// Two objects: the options that were given, and all that were used.
Json options_json(const std::vector<UsedOption>& options);

Json provenance_json(const Provenance& provenance);

}  // namespace attnewton
