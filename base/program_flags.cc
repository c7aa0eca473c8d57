#include "base/program_flags.h"

#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/flags/commandlineflag.h"
#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/small_file.h"

ABSL_FLAG(std::string, config, "",
          "A file with a flag in each line, as \"name = value\"; # begins a "
          "comment. Flags on the command line count more.");

namespace roomlog {
namespace {

// Some hundred flags, each with a page of comments.
constexpr size_t kConfigBytesMax = size_t{1} << 20;

// The last --config on the command line, which Abseil would take too. It is
// read before the command line is, so that the latter has the last word.
std::optional<std::string> ConfigArgument(int argc, char** argv) {
  std::optional<std::string> path;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (argument == "--") break;
    if (!absl::ConsumePrefix(&argument, "--") &&
        !absl::ConsumePrefix(&argument, "-")) {
      continue;
    }
    if (absl::ConsumePrefix(&argument, "config=")) {
      path = std::string(argument);
    } else if (argument == "config" && i + 1 < argc) {
      path = argv[i + 1];
    }
  }
  return path;
}

// Null for what is no flag of ours: Abseil has some that read other files, or
// end the program.
absl::CommandLineFlag* FindOwnFlag(absl::string_view name) {
  absl::CommandLineFlag* const flag = absl::FindCommandLineFlag(name);
  if (flag == nullptr || name == "config") return nullptr;
  return absl::StrContains(flag->Filename(), "absl/flags/") ? nullptr : flag;
}

}  // namespace

absl::Status ReadConfigFile(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadSmallFile(path, kConfigBytesMax);
  if (!text.ok()) return text.status();
  absl::flat_hash_map<std::string, size_t> seen;  // And in which line.
  size_t number = 0;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    ++number;
    const auto wrong = [&](absl::string_view why) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", number, ": ", why));
    };
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || absl::StartsWith(line, "#")) continue;
    const size_t equals = line.find('=');
    if (equals == line.npos) {
      return wrong(absl::StrCat("\"", absl::CHexEscape(line),
                                "\" is not \"name = value\""));
    }
    const std::string name(
        absl::StripTrailingAsciiWhitespace(line.substr(0, equals)));
    const absl::string_view value =
        absl::StripLeadingAsciiWhitespace(line.substr(equals + 1));
    absl::CommandLineFlag* const flag = FindOwnFlag(name);
    if (flag == nullptr) {
      return wrong(absl::StrCat("there is no flag \"", absl::CHexEscape(name),
                                "\"; --help lists them"));
    }
    const auto [first, is_first] = seen.emplace(name, number);
    if (!is_first) {
      return wrong(absl::StrCat(name, " was set in line ", first->second));
    }
    std::string error;
    if (!flag->ParseFrom(value, &error)) return wrong(error);
  }
  return absl::OkStatus();
}

absl::Status ParseProgramFlags(int argc, char** argv) {
  if (const auto path = ConfigArgument(argc, argv); path.has_value()) {
    const absl::Status read = ReadConfigFile(*path);
    if (!read.ok()) return read;
  }
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {  // The first is the program.
    return absl::InvalidArgumentError(
        absl::StrCat("\"", rest[1], "\" is no flag; --help lists them"));
  }
  return absl::OkStatus();
}

}  // namespace roomlog
