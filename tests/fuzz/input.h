// The bytes of one fuzz input, read as decisions.
#pragma once

#include <cstddef>
#include <cstdint>

class Input {
 public:
  Input(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}
  bool empty() const { return at_ == end_; }
  uint8_t byte() { return empty() ? 0 : *at_++; }
  uint16_t word() { return static_cast<uint16_t>(byte() | byte() << 8); }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};
