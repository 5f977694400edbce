// The online softmax against sums in long double that see all keys at once.
#include <algorithm>

#include "kernel_test.hpp"

namespace attnewton {
namespace {

using namespace testing_support;

// Lane i sees the first first_visible + i of the keys, or all when first_visible ≥ count.
struct Chunk {
  Size count;
  Size first_visible;
};

// That mask for the kernels, as of a chunk that begins with key `first`.
class ConsecutiveMask {
 public:
  ConsecutiveMask(const Chunk& chunk, Size width, Size first = 1000) : first_(first) {
    if (chunk.first_visible >= chunk.count) return;
    for (Size i = 0; i < width; ++i) visible_.push_back(first + chunk.first_visible + i);
  }
  operator LaneMask() const { return {visible_.empty() ? nullptr : visible_.data(), first_}; }

 private:
  Size first_;
  std::vector<Size> visible_;
};

// The softmax of a block, chunk by chunk, with all that went in.
template <class Real>
class ChunkRun {
 public:
  ChunkRun(const TileKernels<Real>& kernels, Size vectors)
      : kernels_(kernels),
        vectors_(vectors),
        width_(vectors * kernels.lanes),
        maximum_(1, width_, width_),
        sum_(1, width_, width_),
        rescale_(1, width_, width_),
        seen_(at(width_)) {
    for (Size i = 0; i < width_; ++i) {
      maximum_(0, i) = -infinity<Real>;
      sum_(0, i) = 0;
    }
  }

  Size width() const { return width_; }
  Real maximum(Size lane) { return maximum_(0, lane); }
  double sum(Size lane) { return sum_(0, lane); }

  // Logits count × width; checks what the kernel makes of them.
  void expect_next(const Chunk& chunk, const std::vector<Real>& logits) {
    Field<Real> scores(chunk.count, width_, width_);
    std::copy(logits.begin(), logits.end(), scores.data());
    Field<Real> before = maximum_;
    const bool changed = kernels_.softmax(vectors_, chunk.count, ConsecutiveMask(chunk, width_),
                                          scores.data(), maximum_.data(), sum_.data(), rescale_.data());
    keys_ += chunk.count;
    bool expected_change = false;
    for (Size i = 0; i < width_; ++i) {
      see(chunk, logits, i);
      expect_maximum(before(0, i), i);
      expect_scores(chunk, logits, scores, i);
      expected_change |= before(0, i) != maximum_(0, i);
    }
    EXPECT_EQ(changed, expected_change);
    EXPECT_LE(worst_.ratio(), 1);
    for (const auto* field : {&sum_, &rescale_}) EXPECT_TRUE(field->is_clean_outside());
    EXPECT_TRUE(scores.is_clean_outside());
    EXPECT_TRUE(maximum_.is_clean_outside());
  }

 private:
  static bool is_visible(const Chunk& chunk, Size key, Size lane) {
    return chunk.first_visible >= chunk.count || key < chunk.first_visible + lane;
  }

  void see(const Chunk& chunk, const std::vector<Real>& logits, Size lane) {
    for (Size k = 0; k < chunk.count; ++k) {
      if (is_visible(chunk, k, lane)) seen_[at(lane)].push_back(logits[at(k * width_ + lane)]);
    }
  }

  // exp is good to 2 ulp; its argument is rounded once, which costs as many half ulps as its size.
  static void expect_exponential(Worst& worst, Exact got, Exact argument) {
    const Exact expected = std::exp(argument);
    worst.see(got, expected,
              (2 + std::abs(argument)) * epsilon<Real> * expected + std::numeric_limits<Real>::min());
  }

  // The maximum of a lane, the factor from the maximum before, and the sum.
  void expect_maximum(Real before, Size lane) {
    const std::vector<Real>& seen = seen_[at(lane)];
    const Real maximum = *std::max_element(seen.begin(), seen.end());
    EXPECT_EQ(maximum_(0, lane), maximum) << lane;
    expect_exponential(worst_, rescale_(0, lane), Exact{before} - Exact{maximum});
    Exact sum = 0;
    Exact error = 0;
    for (const Real logit : seen) {
      const Exact distance = Exact{maximum} - Exact{logit};
      const Exact term = std::exp(-distance);
      sum += term;
      if (term > 0) error += term * (4 + 2 * distance);
    }
    worst_.see(sum_(0, lane), sum, epsilon<Real> * (error + static_cast<Exact>(keys_) * sum));
  }

  void expect_scores(const Chunk& chunk, const std::vector<Real>& logits, Field<Real>& scores, Size lane) {
    for (Size k = 0; k < chunk.count; ++k) {
      if (is_visible(chunk, k, lane)) {
        const Exact logit = logits[at(k * width_ + lane)];
        expect_exponential(worst_, scores(k, lane), logit - Exact{maximum_(0, lane)});
      } else {
        EXPECT_EQ(scores(k, lane), 0) << "masked: key " << k << ", lane " << lane;
      }
    }
  }

  const TileKernels<Real>& kernels_;
  Size vectors_;
  Size width_;
  Field<Real> maximum_;
  Field<double> sum_;
  Field<double> rescale_;
  std::vector<std::vector<Real>> seen_;  // visible logits of every lane
  Size keys_ = 0;
  Worst worst_;
};

class Softmax : public KernelTest {};

TEST_P(Softmax, OfOneChunkAgreesWithPlainSums) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(11);
    for (const Size count : {1, 2, 3, 5, 16, 31, 128}) {
      for (const double size : {1e-3, 1.0, 30.0, 1e4}) {
        ChunkRun<Real> run(kernels, vectors);
        run.expect_next({count, count}, numbers.uniforms<Real>(count * run.width(), -size, size));
      }
    }
  });
}

// Every cut that a mask can make; the first chunk shows each lane a key, later ones may show it none.
TEST_P(Softmax, MasksWhatALaneDoesNotSee) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(12);
    for (const Size count : {1, 4, 9, 40}) {
      for (Size visible = -vectors * kernels.lanes - 2; visible <= count + 2; ++visible) {
        ChunkRun<Real> run(kernels, vectors);
        const Size first = std::max<Size>(1, visible);
        run.expect_next({count, first}, numbers.uniforms<Real>(count * run.width(), -5, 5));
        run.expect_next({count, visible}, numbers.uniforms<Real>(count * run.width(), -5, 5));
      }
    }
  });
}

TEST_P(Softmax, FollowsMaximaThatRiseAndFallFromChunkToChunk) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(13);
    ChunkRun<Real> run(kernels, vectors);
    for (const double level : {0.0, 3.0, -4.0, 3.0, 20.0, 19.0, 60.0, -300.0, 61.0, 5000.0, -1e4, 1e4}) {
      run.expect_next({17, 17}, numbers.uniforms<Real>(17 * run.width(), level - 2, level + 2));
    }
  });
}

// The maximum rises in one lane of the block alone: all others keep theirs, and the flag says so.
TEST_P(Softmax, SaysWhetherAnyMaximumChanged) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(14);
    ChunkRun<Real> run(kernels, vectors);
    run.expect_next({3, 3}, numbers.uniforms<Real>(3 * run.width()));
    for (Size lane = 0; lane < run.width(); ++lane) {
      std::vector<Real> logits = numbers.uniforms<Real>(4 * run.width(), -3, -2);
      run.expect_next({4, 4}, logits);
      logits[at((lane % 4) * run.width() + lane)] = Real{2};
      run.expect_next({4, 4}, logits);
    }
  });
}

TEST_P(Softmax, TakesInfiniteLogits) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(15);
    ChunkRun<Real> run(kernels, vectors);
    for (const Size spared : {2, 0, 6}) {
      std::vector<Real> logits = numbers.uniforms<Real>(7 * run.width());
      for (Size k = 0; k < 7; ++k) {
        if (k != spared) std::fill_n(logits.begin() + k * run.width(), run.width(), -infinity<Real>);
      }
      run.expect_next({7, 7}, logits);
    }
    run.expect_next({5, 5}, std::vector<Real>(at(5 * run.width()), -infinity<Real>));
  });
}

// A lane whose first chunk is masked whole, or holds −∞ alone, has no maximum yet.
TEST_P(Softmax, StartsWithTheFirstKeyThatCounts) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    const Size width = vectors * kernels.lanes;
    for (const Size visible : {Size{3}, -width}) {
      std::vector<Real> maximum(at(width), -infinity<Real>);
      std::vector<double> sum(at(width), 0);
      std::vector<double> rescale(at(width), 0);
      std::vector<Real> nothing(at(3 * width), visible == 3 ? -infinity<Real> : Real{5});
      EXPECT_FALSE(kernels.softmax(vectors, 3, ConsecutiveMask({3, visible}, width), nothing.data(),
                                   maximum.data(), sum.data(), rescale.data()));
      EXPECT_EQ(nothing, std::vector<Real>(at(3 * width), 0));
      EXPECT_EQ(sum, std::vector<double>(at(width), 0));
      std::vector<Real> equal(at(2 * width), Real{-7});
      EXPECT_TRUE(kernels.softmax(vectors, 2, {}, equal.data(), maximum.data(), sum.data(), rescale.data()));
      EXPECT_EQ(equal, std::vector<Real>(at(2 * width), 1));
      EXPECT_EQ(maximum, std::vector<Real>(at(width), -7));
      EXPECT_EQ(sum, std::vector<double>(at(width), 2));
    }
  });
}

TEST_P(Softmax, DoesNotSwallowNaN) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    const Size width = vectors * kernels.lanes;
    const Size count = 6;
    Numbers numbers(16);
    for (Size key = 0; key < count; ++key) {
      for (Size lane = 0; lane < width; ++lane) {
        std::vector<Real> scores = numbers.uniforms<Real>(count * width);
        scores[at(key * width + lane)] = nan_of<Real>;
        std::vector<Real> maximum(at(width), -infinity<Real>);
        std::vector<double> sum(at(width), 0);
        std::vector<double> rescale(at(width), 0);
        kernels.softmax(vectors, count, {}, scores.data(), maximum.data(), sum.data(), rescale.data());
        EXPECT_TRUE(std::isnan(scores[at(key * width + lane)])) << key << " " << lane;
        for (Size i = 0; i < width; ++i) EXPECT_EQ(std::isnan(sum[at(i)]), i == lane) << key << " " << lane;
      }
    }
  });
}

TEST_P(Softmax, MasksNaNAsWell) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(17);
    ChunkRun<Real> run(kernels, vectors);
    const Size count = run.width() + 3;
    std::vector<Real> logits = numbers.uniforms<Real>(count * run.width());
    for (Size k = 0; k < count; ++k) {
      for (Size i = 0; i < run.width(); ++i) {
        if (k >= 2 + i) logits[at(k * run.width() + i)] = i % 2 == 0 ? nan_of<Real> : infinity<Real>;
      }
    }
    run.expect_next({count, 2}, logits);
  });
}

// Float scores, sums in double: one more key counts after 2²⁵ of them.
TEST_P(Softmax, SumsKeysInDouble) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    const Size width = vectors * kernels.lanes;
    std::vector<Real> scores(at(width), Real{0});
    std::vector<Real> maximum(at(width), Real{0});
    std::vector<double> sum(at(width), 33554432.0);
    std::vector<double> rescale(at(width), 0);
    EXPECT_FALSE(kernels.softmax(vectors, 1, {}, scores.data(), maximum.data(), sum.data(), rescale.data()));
    EXPECT_EQ(sum, std::vector<double>(at(width), 33554433.0));
    EXPECT_EQ(rescale, std::vector<double>(at(width), 1.0));
  });
}

TEST_P(Softmax, ShiftedExponentialsAreTheSoftmaxAtItsLogSum) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(18);
    const Size width = vectors * kernels.lanes;
    const auto smallest = static_cast<Exact>(std::numeric_limits<Real>::min());
    for (const Size count : {1, 2, 7, 20}) {
      for (Size visible = -width; visible <= count + 1; ++visible) {
        const auto shift = numbers.uniforms<Real>(width, -3, 3);
        const auto logits = numbers.uniforms<Real>(count * width, -120, -2);
        Field<Real> scores(count, width, width);
        std::copy(logits.begin(), logits.end(), scores.data());
        kernels.shifted_exponential(vectors, count, ConsecutiveMask({count, visible}, width), scores.data(),
                                    shift.data());
        Worst worst;
        for (Size k = 0; k < count; ++k) {
          for (Size i = 0; i < width; ++i) {
            const Exact argument = Exact{logits[at(k * width + i)]} - Exact{shift[at(i)]};
            const bool seen = visible >= count || k < visible + i;
            const Exact expected = seen ? std::exp(argument) : 0;
            worst.see(scores(k, i), expected,
                      seen ? (2 + std::abs(argument)) * epsilon<Real> * expected + smallest : 0);
          }
        }
        EXPECT_LE(worst.ratio(), 1) << count << " " << visible;
        EXPECT_TRUE(scores.is_clean_outside());
      }
    }
  });
}

// Lanes in any order of what they see: each as if it were alone.
TEST_P(Softmax, MasksLanesThatDoNotFollowOneAnother) {
  at_every_width([]<class Real>(const TileKernels<Real>& kernels, Size vectors) {
    Numbers numbers(19);
    const Size width = vectors * kernels.lanes;
    const Size count = 9;
    const Size first = 40;
    std::vector<Size> visible;
    for (Size i = 0; i < width; ++i) visible.push_back(first + (7 * i + 3) % (count + 2));
    const auto logits = numbers.uniforms<Real>(count * width, -5, -2);
    const std::vector<Real> no_shift(at(width), Real{0});
    std::vector<Real> all = logits;
    kernels.shifted_exponential(vectors, count, {}, all.data(), no_shift.data());
    std::vector<Real> seen = logits;
    kernels.shifted_exponential(vectors, count, {visible.data(), first}, seen.data(), no_shift.data());
    std::vector<Real> scores = logits;
    std::vector<Real> maximum(at(width), Real{0});
    std::vector<double> sum(at(width), 0);
    std::vector<double> rescale(at(width), 0);
    kernels.softmax(vectors, count, {visible.data(), first}, scores.data(), maximum.data(), sum.data(),
                    rescale.data());
    for (Size k = 0; k < count; ++k) {
      for (Size i = 0; i < width; ++i) {
        const Real expected = first + k < visible[at(i)] ? all[at(k * width + i)] : Real{0};
        EXPECT_EQ(seen[at(k * width + i)], expected) << k << " " << i;
        EXPECT_EQ(scores[at(k * width + i)], expected) << k << " " << i;
      }
    }
  });
}

ATTNEWTON_FOR_EVERY_SET(Softmax);

}  // namespace
}  // namespace attnewton
