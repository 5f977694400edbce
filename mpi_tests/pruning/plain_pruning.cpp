#include "plain_pruning.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace attnewton::plain {
namespace {

// Marks all but the n largest of scores[first .. last) of output j as going.
void mark_group(const Table& scores, std::size_t first, std::size_t last, std::size_t j, std::size_t n,
                std::size_t m, std::vector<char>& goes) {
  const auto kept = static_cast<std::size_t>(
      std::ceil(static_cast<double>(n * (last - first)) / static_cast<double>(m) - 1e-12));
  for (std::size_t i = first; i < last; ++i) {
    std::size_t larger = 0;
    for (std::size_t k = first; k < last; ++k) {
      const bool ahead = scores.at(k, j) > scores.at(i, j) || (scores.at(k, j) == scores.at(i, j) && k > i);
      if (ahead) ++larger;
    }
    goes[i * scores.columns + j] = larger >= kept ? 1 : 0;
  }
}

Table trailing(const Table& h, std::size_t first) {
  Table part(h.rows - first, h.rows - first);
  for (std::size_t i = first; i < h.rows; ++i) {
    for (std::size_t j = first; j < h.rows; ++j) part.at(i - first, j - first) = h.at(i, j);
  }
  return part;
}

Table damped_hessian(const Table& x, double damping, Table& w) {
  Table h = gram(x);
  for (double& entry : h.entries) entry *= 2.0 / static_cast<double>(x.rows);
  double mean = 0;
  for (std::size_t i = 0; i < h.rows; ++i) {
    if (h.at(i, i) == 0) {
      h.at(i, i) = 1;
      for (std::size_t j = 0; j < w.columns; ++j) w.at(i, j) = 0;
    }
    mean += h.at(i, i) / static_cast<double>(h.rows);
  }
  for (std::size_t i = 0; i < h.rows; ++i) h.at(i, i) += damping * mean;
  return h;
}

void mark_block(const Table& scores, std::size_t first, std::size_t last, double ratio,
                std::vector<char>& goes) {
  std::vector<double> sorted;
  for (std::size_t i = first; i < last; ++i) {
    for (std::size_t j = 0; j < scores.columns; ++j) sorted.push_back(scores.at(i, j));
  }
  std::sort(sorted.begin(), sorted.end());
  const double threshold = sorted[static_cast<std::size_t>(static_cast<double>(sorted.size()) * ratio)];
  for (std::size_t i = first; i < last; ++i) {
    for (std::size_t j = 0; j < scores.columns; ++j)
      goes[i * scores.columns + j] = scores.at(i, j) <= threshold ? 1 : 0;
  }
}

}  // namespace

Table inverse(Table h) {
  const std::size_t d = h.rows;
  Table result(d, d);
  for (std::size_t i = 0; i < d; ++i) result.at(i, i) = 1;
  for (std::size_t c = 0; c < d; ++c) {
    std::size_t pivot = c;
    for (std::size_t i = c + 1; i < d; ++i) {
      if (std::abs(h.at(i, c)) > std::abs(h.at(pivot, c))) pivot = i;
    }
    for (std::size_t j = 0; j < d; ++j) {
      std::swap(h.at(c, j), h.at(pivot, j));
      std::swap(result.at(c, j), result.at(pivot, j));
    }
    const double scale = h.at(c, c);
    for (std::size_t j = 0; j < d; ++j) {
      h.at(c, j) /= scale;
      result.at(c, j) /= scale;
    }
    for (std::size_t i = 0; i < d; ++i) {
      if (i == c) continue;
      const double factor = h.at(i, c);
      for (std::size_t j = 0; j < d; ++j) {
        h.at(i, j) -= factor * h.at(c, j);
        result.at(i, j) -= factor * result.at(c, j);
      }
    }
  }
  return result;
}

Table gram(const Table& x) {
  Table result(x.columns, x.columns);
  for (std::size_t t = 0; t < x.rows; ++t) {
    for (std::size_t i = 0; i < x.columns; ++i) {
      for (std::size_t j = 0; j < x.columns; ++j) result.at(i, j) += x.at(t, i) * x.at(t, j);
    }
  }
  return result;
}

Table wanda(Table w, const Table& x, double ratio, std::size_t n, std::size_t m) {
  Table scores(w.rows, w.columns);
  for (std::size_t i = 0; i < w.rows; ++i) {
    double square = 0;
    for (std::size_t t = 0; t < x.rows; ++t) square += x.at(t, i) * x.at(t, i);
    for (std::size_t j = 0; j < w.columns; ++j) scores.at(i, j) = std::abs(w.at(i, j)) * std::sqrt(square);
  }
  std::vector<char> goes(w.entries.size());
  for (std::size_t j = 0; j < w.columns; ++j) {
    if (m > 0) {
      for (std::size_t first = 0; first < w.rows; first += m)
        mark_group(scores, first, std::min(first + m, w.rows), j, n, m, goes);
      continue;
    }
    const auto count = static_cast<std::size_t>(static_cast<double>(w.rows) * ratio);
    for (std::size_t i = 0; i < w.rows; ++i) {
      std::size_t less = 0;
      for (std::size_t k = 0; k < w.rows; ++k)
        less += scores.at(k, j) < scores.at(i, j) || (scores.at(k, j) == scores.at(i, j) && k < i) ? 1 : 0;
      goes[i * w.columns + j] = less < count ? 1 : 0;
    }
  }
  for (std::size_t e = 0; e < goes.size(); ++e) {
    if (goes[e] != 0) w.entries[e] = 0;
  }
  return w;
}

Table sparsegpt(Table w, const Table& x, double ratio, std::size_t n, std::size_t m, std::size_t block,
                double damping, std::vector<char>& mask) {
  const Table h = damped_hessian(x, damping, w);
  const std::size_t d = w.rows;
  std::vector<Table> inverses;  // over inputs q, q + 1, …
  for (std::size_t q = 0; q < d; ++q) inverses.push_back(inverse(trailing(h, q)));
  std::vector<char> goes(w.entries.size());
  for (std::size_t q = 0; q < d; ++q) {
    Table scores(d, w.columns);
    for (std::size_t k = q; k < d; ++k) {
      for (std::size_t j = 0; j < w.columns; ++j)
        scores.at(k, j) = w.at(k, j) * w.at(k, j) / inverses[k].at(0, 0);
    }
    if (m == 0 && q % block == 0) mark_block(scores, q, std::min(q + block, d), ratio, goes);
    if (m > 0 && q % m == 0) {
      for (std::size_t j = 0; j < w.columns; ++j) mark_group(scores, q, std::min(q + m, d), j, n, m, goes);
    }
    for (std::size_t j = 0; j < w.columns; ++j) {
      if (goes[q * w.columns + j] == 0) continue;
      const double gone = w.at(q, j);
      for (std::size_t k = q; k < d; ++k)
        w.at(k, j) -= gone * inverses[q].at(k - q, 0) / inverses[q].at(0, 0);
      w.at(q, j) = 0;
    }
  }
  mask.assign(goes.size(), 0);
  for (std::size_t e = 0; e < goes.size(); ++e) mask[e] = goes[e] == 0 ? 1 : 0;
  return w;
}

}  // namespace attnewton::plain
