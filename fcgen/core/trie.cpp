#include "trie.hpp"

#include <algorithm>
#include <stdexcept>
#include <unordered_set>

namespace fcgen {
namespace {

std::size_t shared_length(std::string_view one, std::string_view other) {
    auto [end, _] = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
    return static_cast<std::size_t>(end - one.begin());
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

Trie::Trie(std::vector<Entry> entries) {
    std::erase_if(entries, [](const Entry& entry) { return entry.text.empty(); });
    std::ranges::sort(entries, [](const Entry& one, const Entry& other) {
        if (const int order = one.text.compare(other.text); order != 0) return order < 0;
        if (one.goes_last != other.goes_last) return other.goes_last;
        return one.token < other.token;
    });
    std::string_view before;
    for (const Entry& entry : entries) {
        if (entry.text.size() > kLongestString) throw std::length_error("a token has more than 65,535 bytes");
        for (std::size_t depth = shared_length(before, entry.text); depth < entry.text.size(); ++depth) {
            if (nodes_.size() >= INT32_MAX) throw std::length_error("the tokens have too many bytes");
            nodes_.push_back({.first_token = static_cast<std::int32_t>(tokens_.size()),
                              .depth = static_cast<std::uint16_t>(depth),
                              .byte = static_cast<std::uint8_t>(entry.text[depth])});
        }
        tokens_.push_back(entry.token);
        before = entry.text;
    }
    nodes_.push_back({.first_token = static_cast<std::int32_t>(tokens_.size())});
    end_nodes();
    look_below();
    index_tops();
    parents_.resize(size());
    std::vector<std::int32_t> above{kRoot};
    for (std::int32_t node = 0; node < size(); ++node) {
        above.resize(nodes_[node].depth + std::size_t{1});
        parents_[node] = above.back();
        above.push_back(node);
    }
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
    for (; node != kRoot; node = parents_[node]) bytes.push_back(static_cast<char>(nodes_[node].byte));
    std::ranges::reverse(bytes);
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
    return sizeof(Trie) + nodes_.size() * sizeof(TrieNode) + (tokens_.size() + parents_.size()) * sizeof(std::int32_t);
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
    std::vector<std::array<ClassSet, kPendings>> found(nodes_.size());
    for (std::int32_t node = size() - 1; node >= 0; --node) {
        auto& here = found[node];
        int height = 0;
        for (std::int32_t one = node + 1; one < nodes_[node].end; one = nodes_[one].end) {
            height = std::max(height, nodes_[one].height + 1);
            for (int pending = 0; pending < kPendings; ++pending) {
                const Reading reading = kReadings[pending][nodes_[one].byte];
                if (reading.found >= 0) here[pending] |= ClassSet{1} << reading.found;
                if (reading.found != kOddByte) here[pending] |= found[one][reading.then];
            }
        }
        nodes_[node].height = static_cast<std::uint16_t>(height);
        nodes_[node].classes = here[kNothing];
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
