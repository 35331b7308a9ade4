// SPDX-License-Identifier: Apache-2.0
// A made-up study in a temporary store, with known ratios and one point of every fate: done, mistrusted, failed, unsupported, timed out,
// not run.
#pragma once
#include <string>
#include <vector>

#include "lab/noise.h"
#include "lab/view.h"
#include "temporary_folder.h"

namespace plumb::report::testing {

/// Time of an implementation relative to the loop; the ladder's samples are made with exactly these ratios, 3 % of shared and 0.4 % of own
/// noise.
double speed_of(const std::string& impl);

struct MadeUpStudy {
    test::TemporaryFolder folder;
    lab::Store store{folder.path()};
    lab::StudyView view;

    MadeUpStudy();
    /// Replaces the noise floor of the made-up machine.
    void measure_noise(double paired, double unpaired);
    const lab::ViewRow& row(std::size_t experiment, const lab::Settings& wanted) const;
    lab::ViewRow& row(std::size_t experiment, const lab::Settings& wanted);
    const lab::Figure& figure(std::size_t experiment, const std::string& name) const;
};

/// A study of `points` points in one experiment with three figures, for the size of the page.
lab::StudyView large_view(const lab::Store& store, int points);

inline const std::string machine = "0a1b2c3d";
inline const std::string code = "0.1.0 (7c1e90f)";

}  // namespace plumb::report::testing
