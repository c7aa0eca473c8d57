// A program's flags, from its command line and from a configuration file.
#ifndef ROOMLOG_BASE_PROGRAM_FLAGS_H_
#define ROOMLOG_BASE_PROGRAM_FLAGS_H_

#include <string>

#include "absl/status/status.h"

namespace roomlog {

// Sets all flags. `--config=FILE` names a file with a flag in each line, as
// `name = value`; empty lines, and those that begin with #, are passed over.
// What the command line says counts more. INVALID_ARGUMENT, with the file's
// name and the line's number: no such flag, one that is there twice, or a value
// that it does not take; and for arguments that are no flags. What is wrong
// with the command line's own flags Abseil says, and ends the program.
absl::Status ParseProgramFlags(int argc, char** argv);

// The part of it that is a file.
absl::Status ReadConfigFile(const std::string& path);

}  // namespace roomlog

#endif  // ROOMLOG_BASE_PROGRAM_FLAGS_H_
