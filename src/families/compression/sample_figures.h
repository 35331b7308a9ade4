// SPDX-License-Identifier: Apache-2.0
// What a series of samples is like by itself; the figures inside a window are figures() of utilisation.h.
#pragma once
#include "families/compression/utilisation.h"

namespace plumb::families::compression {

/// Median distance of neighbouring samples, ns; 0 for fewer than two times.
double sample_period(const MetricSeries& series);
/// Smallest difference between two different values, zero counted among them, as a share of 1; 0 where all are zero.
double sample_resolution(const MetricSeries& series);

}  // namespace plumb::families::compression
