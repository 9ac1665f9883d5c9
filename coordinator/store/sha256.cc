#include "coordinator/store/sha256.h"

#include <openssl/evp.h>

#include <array>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace gradloom {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  ABSL_RAW_CHECK(context_ != nullptr && EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1,
                 "OpenSSL offers no SHA-256");
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

void Sha256::Update(std::span<const std::byte> data) {
  ABSL_RAW_CHECK(EVP_DigestUpdate(context_, data.data(), data.size()) == 1, "SHA-256 failed");
}

std::string Sha256::HexDigest() {
  std::array<unsigned char, 32> digest = {};
  ABSL_RAW_CHECK(EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1, "SHA-256 failed");
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

}  // namespace gradloom
