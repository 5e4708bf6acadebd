// What is left of a trie below some of its nodes, as a trie of its own.
//
// Where the text of one state may end at many nodes (after a quote, whatever stood in the string), what follows is
// walked below all of them. Their subtrees are much alike, so they are merged once, and walked once.

#include <algorithm>
#include <array>

#include "trie.hpp"

namespace fcgen {

// One run of the merge. A group is the nodes of one path, side by side in `members_`; groups wait on a stack, the next
// one in preorder uppermost.
class Merge {
  public:
    explicit Merge(const Trie& from) : from_(from) {}

    std::unique_ptr<Trie> run(std::span<const std::int32_t> exits) {
        std::size_t count = 0;
        for (std::int32_t node : exits) count += static_cast<std::size_t>(from_.end_of(node) - node - 1);
        if (count == 0) return nullptr;
        into_.reset(new Trie());
        into_->nodes_.reserve(count + 1);
        push_children(exits, 0);
        while (!groups_.empty()) {
            const Group group = groups_.back();
            groups_.pop_back();
            if (group.size == 1) {
                copy_subtree(members_[group.first], group.depth);
            } else {
                merge_group(group);
            }
        }
        into_->nodes_.push_back({.first_token = static_cast<std::int32_t>(into_->tokens_.size())});
        into_->nodes_.shrink_to_fit();
        into_->tokens_.shrink_to_fit();
        into_->end_nodes();
        into_->look_below();
        into_->index_tops();
        return std::move(into_);
    }

  private:
    static constexpr std::size_t kFew = 24;  // so few are sorted sooner by insertion than by counting

    struct Group {
        std::size_t first, size;
        int depth;
    };

    void add_node(std::uint8_t byte, int depth) {
        into_->nodes_.push_back({.first_token = static_cast<std::int32_t>(into_->tokens_.size()),
                                 .depth = static_cast<std::uint16_t>(depth),
                                 .byte = byte});
    }

    void add_tokens(std::int32_t node) {
        const auto tokens = from_.tokens_at(node);
        into_->tokens_.insert(into_->tokens_.end(), tokens.begin(), tokens.end());
    }

    void copy_subtree(std::int32_t top, int depth) {
        const auto nodes = from_.nodes();
        for (std::int32_t node = top; node < nodes[top].end; ++node) {
            add_node(nodes[node].byte, depth + nodes[node].depth - nodes[top].depth);
            add_tokens(node);
        }
    }

    void merge_group(const Group& group) {
        above_.assign(members_.begin() + static_cast<std::ptrdiff_t>(group.first),
                      members_.begin() + static_cast<std::ptrdiff_t>(group.first + group.size));
        members_.resize(group.first);  // the uppermost group is the last
        add_node(from_.nodes()[above_.front()].byte, group.depth);
        for (std::int32_t node : above_) add_tokens(node);
        push_children(above_, group.depth + 1);
    }

    // Pushes the groups of the children of some nodes, the one of the least byte uppermost.
    void push_children(std::span<const std::int32_t> nodes, int depth) {
        const auto from = from_.nodes();
        const std::size_t first = members_.size();
        for (std::int32_t above : nodes) {
            for (std::int32_t node = above + 1; node < from_.end_of(above); node = from[node].end) {
                members_.push_back(node);
            }
        }
        sort_downwards(std::span(members_).subspan(first));
        for (std::size_t begin = first, end = first; begin < members_.size(); begin = end) {
            const std::uint8_t byte = from[members_[begin]].byte;
            while (end < members_.size() && from[members_[end]].byte == byte) ++end;
            groups_.push_back({begin, end - begin, depth});
        }
    }

    // Sorts nodes by their bytes, the greatest first; stable.
    void sort_downwards(std::span<std::int32_t> nodes) {
        const auto rank_of = [this](std::int32_t node) { return std::size_t{255} - from_.nodes()[node].byte; };
        if (nodes.size() <= kFew) {
            for (std::size_t place = 1; place < nodes.size(); ++place) {
                const std::int32_t node = nodes[place];
                std::size_t at = place;
                for (; at > 0 && rank_of(nodes[at - 1]) > rank_of(node); --at) nodes[at] = nodes[at - 1];
                nodes[at] = node;
            }
            return;
        }
        std::array<std::size_t, 257> starts{};
        for (std::int32_t node : nodes) ++starts[rank_of(node) + 1];
        for (std::size_t rank = 0; rank < 256; ++rank) starts[rank + 1] += starts[rank];
        unsorted_.assign(nodes.begin(), nodes.end());
        for (std::int32_t node : unsorted_) nodes[starts[rank_of(node)]++] = node;
    }

    const Trie& from_;
    std::unique_ptr<Trie> into_;
    std::vector<std::int32_t> members_;
    std::vector<std::int32_t> above_;
    std::vector<std::int32_t> unsorted_;
    std::vector<Group> groups_;
};

std::unique_ptr<Trie> Trie::below(std::span<const std::int32_t> exits) const {
    return Merge(*this).run(exits);
}

}  // namespace fcgen
