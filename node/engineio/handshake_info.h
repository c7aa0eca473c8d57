// What a session's first request said, kept as long as the session.
#ifndef ROOMLOG_NODE_ENGINEIO_HANDSHAKE_INFO_H_
#define ROOMLOG_NODE_ENGINEIO_HANDSHAKE_INFO_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace roomlog {

// The headers of a request, in the order and spelling in which they came. One
// block of memory, as every idle client keeps its own.
class HeaderList {
 public:
  using Header = std::pair<absl::string_view, absl::string_view>;

  // Neither may hold a line end.
  void Add(absl::string_view name, absl::string_view value);

  // The value of the first header of that name, whatever its case; empty if
  // there is none.
  absl::string_view Find(absl::string_view name) const;

  // The views last until the next Add().
  std::vector<Header> All() const;

  bool empty() const { return lines_.empty(); }
  void Shrink() { lines_.shrink_to_fit(); }

 private:
  // Takes one header off the front of `lines`.
  static Header TakeFirst(absl::string_view* lines);

  std::string lines_;  // "Name: value\r\n" each.
};

struct HandshakeInfo {
  HeaderList headers;
  std::string url;             // Path and query, as sent.
  std::string remote_address;  // Without the port; empty if it is not known.
  // It came over TLS: our own, or that of a trusted proxy.
  bool secure = false;
  absl::Time issued = absl::InfinitePast();

  // What stands behind the question mark, as sent.
  absl::string_view query() const {
    const size_t mark = url.find('?');
    return mark == url.npos ? absl::string_view()
                            : absl::string_view(url).substr(mark + 1);
  }
};

}  // namespace roomlog

#endif  // ROOMLOG_NODE_ENGINEIO_HANDSHAKE_INFO_H_
