// SHA-256 of a trial's parameters: what a run's summary prints, so that two runs can be compared
// bit by bit by eye.
#ifndef GRADLOOM_COORDINATOR_STORE_SHA256_H_
#define GRADLOOM_COORDINATOR_STORE_SHA256_H_

#include <cstddef>
#include <span>
#include <string>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace gradloom {

// Streaming; not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::span<const std::byte> data);
  void Update(std::span<const float> values) { Update(std::as_bytes(values)); }
  void Update(std::span<const double> values) { Update(std::as_bytes(values)); }
  // 64 hexadecimal digits, lower case. Once only; no Update after it.
  std::string HexDigest();

 private:
  evp_md_ctx_st* context_;
};

}  // namespace gradloom

#endif  // GRADLOOM_COORDINATOR_STORE_SHA256_H_
