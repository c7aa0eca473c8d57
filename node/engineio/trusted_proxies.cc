#include "node/engineio/trusted_proxies.h"

#include <boost/asio/ip/address.hpp>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace roomlog {
namespace {

namespace ip = boost::asio::ip;

bool Contains(const ip::network_v4& network, const ip::address_v4& address) {
  return ip::network_v4(address, network.prefix_length()).canonical() ==
         network.canonical();
}

bool Contains(const ip::network_v6& network, const ip::address_v6& address) {
  return ip::network_v6(address, network.prefix_length()).canonical() ==
         network.canonical();
}

}  // namespace

absl::StatusOr<TrustedProxies> TrustedProxies::Parse(
    const std::vector<std::string>& texts) {
  TrustedProxies proxies;
  for (const std::string& text : texts) {
    const bool is_network = absl::StrContains(text, '/');
    const bool is_six = absl::StrContains(text, ':');
    boost::system::error_code error;
    if (is_six) {
      proxies.six_.push_back(
          ip::make_network_v6(is_network ? text : text + "/128", error));
    } else {
      proxies.four_.push_back(
          ip::make_network_v4(is_network ? text : text + "/32", error));
    }
    if (error) {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"", absl::CHexEscape(text),
          "\" is no address or network, such as 10.0.0.0/8 or ::1"));
    }
  }
  return proxies;
}

bool TrustedProxies::IsTrusted(absl::string_view text) const {
  boost::system::error_code error;
  ip::address address = ip::make_address(std::string(text), error);
  if (error) return false;
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
  }
  if (address.is_v4()) {
    return absl::c_any_of(four_, [&](const ip::network_v4& network) {
      return Contains(network, address.to_v4());
    });
  }
  return absl::c_any_of(six_, [&](const ip::network_v6& network) {
    return Contains(network, address.to_v6());
  });
}

std::string TrustedProxies::ClientOf(absl::string_view remote,
                                     const HeaderList& headers) const {
  if (four_.empty() && six_.empty()) return std::string(remote);
  std::vector<std::string> lines;
  for (const auto& [name, value] : headers.All()) {
    if (absl::EqualsIgnoreCase(name, "X-Forwarded-For")) {
      lines.emplace_back(value);
    }
  }
  // Several headers mean the same as one with commas (RFC 9110, 5.3).
  const std::string all = absl::StrJoin(lines, ",");
  std::vector<absl::string_view> said = absl::StrSplit(all, ',');
  std::string client(remote);
  while (!said.empty() && IsTrusted(client)) {
    const absl::string_view before = absl::StripAsciiWhitespace(said.back());
    boost::system::error_code error;
    ip::make_address(std::string(before), error);
    if (error) break;
    client = std::string(before);
    said.pop_back();
  }
  return client;
}

bool TrustedProxies::IsSecure(absl::string_view remote,
                              const HeaderList& headers) const {
  return absl::EqualsIgnoreCase(headers.Find("X-Forwarded-Proto"), "https") &&
         IsTrusted(remote);
}

}  // namespace roomlog
