#include "trie.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <unordered_set>
#include <utility>

namespace fcgen {
namespace {

std::size_t shared_length(std::string_view one, std::string_view other) {
    auto [end, _] = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
    return static_cast<std::size_t>(end - one.begin());
}

// The first eight bytes as a number that orders as they do. A shorter text is filled up with zeros.
std::uint64_t head_of(std::string_view text) {
    std::uint64_t head = 0;
    for (std::size_t place = 0; place < sizeof head; ++place) {
        head = head << 8 | (place < text.size() ? static_cast<std::uint8_t>(text[place]) : 0);
    }
    return head;
}

// Tokens by text; of equal texts those that go last, and then the greater ones, are behind.
class ByText {
  public:
    ByText(const Trie::Texts& texts, std::span<const std::int32_t> last) : texts_(texts), goes_last_(texts.size()) {
        for (std::int32_t token : last) {
            if (token >= 0 && token < texts.size()) goes_last_[token] = true;
        }
    }

    bool operator()(std::int32_t one, std::int32_t other) const {
        if (const int order = texts_[one].compare(texts_[other]); order != 0) return order < 0;
        if (goes_last_[one] != goes_last_[other]) return goes_last_[other];
        return one < other;
    }

    // Few texts have the same head, so nearly all comparisons look at no text.
    void sort(std::span<std::int32_t> tokens) const {
        std::vector<std::pair<std::uint64_t, std::int32_t>> heads;
        heads.reserve(tokens.size());
        for (std::int32_t token : tokens) heads.emplace_back(head_of(texts_[token]), token);
        std::ranges::sort(heads, [this](const auto& one, const auto& other) {
            return one.first != other.first ? one.first < other.first : (*this)(one.second, other.second);
        });
        std::ranges::transform(heads, tokens.begin(), [](const auto& head) { return head.second; });
    }

  private:
    const Trie::Texts& texts_;
    std::vector<bool> goes_last_;
};

// The tokens that have a text, in order.
std::vector<std::int32_t> sorted_tokens(const Trie::Texts& texts, std::span<const std::int32_t> last,
                                        std::span<const std::int32_t> order) {
    std::vector<std::int32_t> tokens;
    tokens.reserve(texts.size());
    std::vector<bool> is_left(texts.size());
    for (std::int32_t token = 0; token < texts.size(); ++token) is_left[token] = !texts[token].empty();
    for (std::int32_t token : order) {
        if (token < 0 || token >= texts.size() || !is_left[token]) continue;
        is_left[token] = false;
        tokens.push_back(token);
    }
    const std::size_t ordered = tokens.size();
    for (std::int32_t token = 0; token < texts.size(); ++token) {
        if (is_left[token]) tokens.push_back(token);
    }
    const ByText by_text(texts, last);
    by_text.sort(std::span(tokens).subspan(ordered));
    if (!std::ranges::is_sorted(tokens, by_text)) by_text.sort(tokens);
    return tokens;
}

std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
    return hash;
}

// What a character has still to come, by the bytes of it that were read (RFC 3629, section 4).
enum Pending { kNothing, kOne, kTwo, kThree, kAfterE0, kAfterED, kAfterF0, kAfterF4, kPendings };

struct Reading {
    int found;     // the class that is read, or -1: the byte goes on with a character
    Pending then;  // what is to come then
};

Reading read_first(std::uint8_t byte) {
    if (byte < 0x80) return {kByteClasses[byte], kNothing};
    if (byte < 0xC2 || byte > 0xF4) return {kOddByte, kNothing};
    if (byte < 0xE0) return {kTwoBytes, kOne};
    if (byte < 0xF0) return {kThreeBytes, byte == 0xE0 ? kAfterE0 : byte == 0xED ? kAfterED : kTwo};
    return {kFourBytes, byte == 0xF0 ? kAfterF0 : byte == 0xF4 ? kAfterF4 : kThree};
}

Reading read_next(Pending pending, std::uint8_t byte) {
    constexpr Reading odd{kOddByte, kNothing};
    if (byte < 0x80 || byte >= 0xC0) return odd;
    switch (pending) {
        case kOne:
            return {-1, kNothing};
        case kTwo:
            return {-1, kOne};
        case kThree:
            return {-1, kTwo};
        case kAfterE0:
            return byte >= 0xA0 ? Reading{-1, kOne} : odd;
        case kAfterED:
            return byte < 0xA0 ? Reading{-1, kOne} : odd;
        case kAfterF0:
            return byte >= 0x90 ? Reading{-1, kTwo} : odd;
        case kAfterF4:
            return byte < 0x90 ? Reading{-1, kTwo} : odd;
        default:
            return odd;
    }
}

// A list of one reading for each pending and byte.
std::array<std::array<Reading, 256>, kPendings> make_readings() {
    std::array<std::array<Reading, 256>, kPendings> readings{};
    for (int pending = 0; pending < kPendings; ++pending) {
        for (int byte = 0; byte < 256; ++byte) {
            const auto one = static_cast<std::uint8_t>(byte);
            readings[pending][byte] = pending == kNothing ? read_first(one) : read_next(Pending(pending), one);
        }
    }
    return readings;
}

const auto kReadings = make_readings();

}  // namespace

Trie::Trie(const Texts& texts, std::span<const std::int32_t> last, std::span<const std::int32_t> order)
    : tokens_(sorted_tokens(texts, last, order)) {
    std::vector<std::uint16_t> shared;  // how many bytes of each text are those of the one before
    shared.reserve(tokens_.size());
    std::size_t count = 0;
    std::string_view before;
    for (std::int32_t token : tokens_) {
        const std::string_view text = texts[token];
        if (text.size() > kLongestString) throw std::length_error("a token has more than 65,535 bytes");
        shared.push_back(static_cast<std::uint16_t>(shared_length(before, text)));
        count += text.size() - shared.back();
        before = text;
    }
    if (count >= INT32_MAX) throw std::length_error("the tokens have too many bytes");
    nodes_.reserve(count + 1);
    for (std::size_t place = 0; place < tokens_.size(); ++place) {
        const std::string_view text = texts[tokens_[place]];
        for (std::size_t depth = shared[place]; depth < text.size(); ++depth) {
            nodes_.push_back({.first_token = static_cast<std::int32_t>(place),
                              .depth = static_cast<std::uint16_t>(depth),
                              .byte = static_cast<std::uint8_t>(text[depth])});
        }
    }
    nodes_.push_back({.first_token = static_cast<std::int32_t>(tokens_.size())});
    end_nodes();
    look_below();
    index_tops();
}

std::span<const std::int32_t> Trie::tokens_at(std::int32_t node) const {
    const std::int32_t first = nodes_[node].first_token;
    return tokens().subspan(first, nodes_[node + 1].first_token - first);
}

std::span<const std::int32_t> Trie::tokens_below(std::int32_t node) const {
    const std::int32_t first = nodes_[node + 1].first_token;
    return tokens().subspan(first, nodes_[nodes_[node].end].first_token - first);
}

std::int32_t Trie::child(std::int32_t node, std::uint8_t byte) const {
    if (node == kRoot) return tops_[byte];
    for (std::int32_t one = node + 1; one < nodes_[node].end && nodes_[one].byte <= byte; one = nodes_[one].end) {
        if (nodes_[one].byte == byte) return one;
    }
    return kNone;
}

std::string Trie::path(std::int32_t node) const {
    std::string bytes;
    for (std::int32_t above = kRoot; above != node;) {
        std::int32_t next = above + 1;
        while (nodes_[next].end <= node) next = nodes_[next].end;
        bytes.push_back(static_cast<char>(nodes_[next].byte));
        above = next;
    }
    return bytes;
}

std::optional<std::int32_t> Trie::longest(std::string_view text) const {
    std::optional<std::int32_t> found;
    std::int32_t node = kRoot;
    for (char byte : text) {
        node = child(node, static_cast<std::uint8_t>(byte));
        if (node == kNone) break;
        if (const auto tokens = tokens_at(node); !tokens.empty()) found = tokens.front();
    }
    return found;
}

bool Trie::may_share(std::string_view text, std::size_t size) const {
    if (text.size() < size) return false;
    std::unordered_set<std::uint64_t> hashes;
    std::string path;
    for (std::int32_t node = 0; node < this->size(); ++node) {
        if (std::size_t{1} + nodes_[node].depth + nodes_[node].height < size) {
            node = nodes_[node].end - 1;
            continue;
        }
        path.resize(nodes_[node].depth);
        path.push_back(static_cast<char>(nodes_[node].byte));
        if (path.size() >= size) hashes.insert(hash_of(std::string_view(path).substr(path.size() - size)));
    }
    for (std::size_t begin = 0; begin + size <= text.size(); ++begin) {
        if (hashes.contains(hash_of(text.substr(begin, size)))) return true;
    }
    return false;
}

std::size_t Trie::bytes() const {
    return sizeof(Trie) + nodes_.size() * sizeof(TrieNode) + tokens_.size() * sizeof(std::int32_t);
}

void Trie::end_nodes() {
    std::vector<std::int32_t> open;
    const std::int32_t count = size();
    for (std::int32_t node = 0; node < count; ++node) {
        for (; open.size() > nodes_[node].depth; open.pop_back()) nodes_[open.back()].end = node;
        open.push_back(node);
    }
    for (std::int32_t node : open) nodes_[node].end = count;
    nodes_[count].end = count;
}

void Trie::look_below() {
    struct Below {
        std::array<ClassSet, kPendings> classes{};
        int height = 0;
    };
    // Of each depth what is below the parent of the nodes there, as far as they were looked at: from the last back.
    std::vector<Below> below(1);
    for (std::int32_t node = size() - 1; node >= 0; --node) {
        const std::size_t depth = nodes_[node].depth;
        if (below.size() < depth + 2) below.resize(depth + 2);
        const Below here = std::exchange(below[depth + 1], {});
        Below& above = below[depth];
        nodes_[node].height = static_cast<std::uint16_t>(here.height);
        nodes_[node].classes = here.classes[kNothing];
        above.height = std::max(above.height, here.height + 1);
        for (int pending = 0; pending < kPendings; ++pending) {
            const Reading reading = kReadings[pending][nodes_[node].byte];
            if (reading.found >= 0) above.classes[pending] |= ClassSet{1} << reading.found;
            if (reading.found != kOddByte) above.classes[pending] |= here.classes[reading.then];
        }
    }
}

void Trie::index_tops() {
    tops_.fill(kNone);
    height_ = 0;
    for (std::int32_t node = 0; node < size(); node = nodes_[node].end) {
        tops_[nodes_[node].byte] = node;
        height_ = std::max(height_, nodes_[node].height + 1);
    }
}

}  // namespace fcgen
