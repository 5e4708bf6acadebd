// A trie of byte strings as one array in preorder, for walks that skip whole subtrees.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "byte_classes.hpp"

namespace fcgen {

struct TrieNode {
    ClassSet classes = 0;          // of the bytes below, read as UTF-8 from here on
    std::int32_t end = 0;          // the first node after the subtree
    std::int32_t first_token = 0;  // its tokens end where the next node's begin
    std::uint16_t depth = 0;       // how many bytes come before this one
    std::uint16_t height = 0;      // how many bytes the longest path below has
    std::uint8_t byte = 0;
};

// Immutable. The root is no node: the nodes of depth 0 are its children.
class Trie {
  public:
    static constexpr std::int32_t kRoot = -1;
    static constexpr std::int32_t kNone = -1;
    static constexpr std::size_t kLongestString = 65535;

    // The texts of tokens, one after the other: that of token t is in `data` from bounds[t] to bounds[t + 1].
    struct Texts {
        std::string_view data;
        std::span<const std::int32_t> bounds;

        std::int32_t size() const { return static_cast<std::int32_t>(bounds.size()) - 1; }
        std::string_view operator[](std::int32_t token) const {
            return {data.data() + bounds[token], static_cast<std::size_t>(bounds[token + 1] - bounds[token])};
        }
    };

    // Empty texts are left out. At one node the tokens of `last` go behind others. `order` are tokens by their texts,
    // as far as that is known: a right one saves most of the time that sorting takes, a wrong one does no harm. Throws
    // std::length_error for texts over kLongestString, or too many bytes in all.
    explicit Trie(const Texts& texts, std::span<const std::int32_t> last = {},
                  std::span<const std::int32_t> order = {});

    // How many nodes there are.
    std::int32_t size() const { return static_cast<std::int32_t>(nodes_.size()) - 1; }

    // The nodes, and one more that ends the last.
    std::span<const TrieNode> nodes() const { return nodes_; }

    // Tokens in preorder of their nodes; at one node the preferred one is the first.
    std::span<const std::int32_t> tokens() const { return tokens_; }

    std::span<const std::int32_t> tokens_at(std::int32_t node) const;

    // The tokens in the subtree of a node but for those at the node itself.
    std::span<const std::int32_t> tokens_below(std::int32_t node) const;

    // The length of the longest string.
    int height() const { return height_; }

    // The first node after the subtree of a node.
    std::int32_t end_of(std::int32_t node) const { return node == kRoot ? size() : nodes_[node].end; }

    // The node that a byte leads to, or kNone.
    std::int32_t child(std::int32_t node, std::uint8_t byte) const;

    // The child of the root, or kNone.
    std::int32_t top(std::uint8_t byte) const { return tops_[byte]; }

    // The bytes that lead to a node.
    std::string path(std::int32_t node) const;

    // The preferred among the longest tokens that a text begins with.
    std::optional<std::int32_t> longest(std::string_view text) const;

    // Whether `size` bytes that stand side by side in a text may stand so in a string. False is sure.
    bool may_share(std::string_view text, std::size_t size) const;

    // What is left below some nodes, merged; null where nothing is. `exits` are distinct, and in order.
    std::unique_ptr<Trie> below(std::span<const std::int32_t> exits) const;

    // How many bytes of memory it takes.
    std::size_t bytes() const;

  private:
    Trie() = default;

    void end_nodes();   // fills in ends, from the depths
    void look_below();  // fills in heights and classes
    void index_tops();

    std::vector<TrieNode> nodes_;
    std::vector<std::int32_t> tokens_;
    std::array<std::int32_t, 256> tops_{};
    int height_ = 0;

    friend class Merge;
};

}  // namespace fcgen
