// SPDX-License-Identifier: Apache-2.0
// How the numbers of the family are drawn.
#include "families/fault/declarations.h"

namespace plumb::families::fault {

namespace {

lab::Figure against_length(const std::string& name, const std::string& title, const std::string& caption, const std::string& y) {
    lab::Figure figure;
    figure.name = name;
    figure.title = title;
    figure.caption = caption;
    figure.mark = lab::Mark::lines;
    figure.x = "length";
    figure.y = y;
    figure.colour = "head_dim";
    figure.facet_row = "scheme";
    figure.x_scale = lab::Scale::log2;
    figure.x_title = "sequence length N = M";
    return figure;
}

lab::Figure speed_of(const std::string& name, const std::string& title, const std::string& baseline) {
    lab::Figure figure = against_length(name, title,
                                        "Time of the scheme " + baseline +
                                            " by the time of each scheme, on the same inputs, paired sample by sample in one process, with "
                                            "95 % intervals. 1 is no overhead, 0.98 is about 2 %.",
                                        "time");
    figure.relative = lab::Relative{"scheme", baseline};
    figure.y_title = "speed, " + baseline + " = 1";
    return figure;
}

lab::Figure bars(const std::string& name, const std::string& title, const std::string& caption, const std::string& x, const std::string& y,
                 const std::string& colour) {
    lab::Figure figure;
    figure.name = name;
    figure.title = title;
    figure.caption = caption;
    figure.mark = lab::Mark::bars;
    figure.x = x;
    figure.y = y;
    figure.colour = colour;
    return figure;
}

lab::Figure coverage_by_site() {
    lab::Figure figure = bars("coverage", "Coverage of harmful faults by site",
                              "Share of the injected faults that would move the output by more than 0.001 of its root mean square and were "
                              "repaired or reported, with 95 % Wilson intervals. What is missing to 1 went through unseen.",
                              "site", "coverage", "dtype");
    figure.facet_row = "scheme";
    return figure;
}

lab::Figure coverage_by_model() {
    lab::Figure figure = bars("coverage-model", "Coverage of harmful faults by kind of fault",
                              "The same by what goes wrong with the number. Bars: 95 % Wilson intervals.", "model", "coverage", "dtype");
    figure.facet_row = "site";
    return figure;
}

lab::Figure ablation() {
    lab::Figure figure = bars("ablation", "What each check finds",
                              "Coverage of harmful faults, checks added one after the other, left to right: none, sums of outputs, sums of "
                              "scores and doubled maxima, three checks of exponentials. 95 % Wilson intervals.",
                              "checks", "coverage", "thresholds");
    figure.facet_row = "site";
    figure.facet_column = "dtype";
    return figure;
}

lab::Figure escaped() {
    lab::Figure figure = bars("escaped", "Size of what went through unseen",
                              "Largest change of an output that nothing reported, by the root mean square of the outputs. Faults that move "
                              "no output by more than 0.001 of it count as harmless.",
                              "site", "escaped_max", "dtype");
    figure.mark = lab::Mark::points;
    figure.facet_column = "thresholds";
    figure.facet_row = "scheme";
    figure.y_scale = lab::Scale::log10;
    figure.y_title = "largest silent change / rms";
    return figure;
}

lab::Figure residuals() {
    lab::Figure figure = bars("residuals", "Residuals of clean runs against their thresholds",
                              "Largest residual of any comparison in clean runs as a share of its threshold: 1 would be a false alarm.",
                              "inputs", "largest_residual", "thresholds");
    figure.mark = lab::Mark::points;
    figure.facet_column = "dtype";
    figure.facet_row = "scheme";
    figure.y_scale = lab::Scale::log10;
    figure.y_title = "largest residual / threshold";
    return figure;
}

lab::Figure recovery() {
    lab::Figure figure =
        against_length("recovery", "Cost of a repair",
                       "What one run takes longer when a fault strikes it and is repaired than when none does. Both by the "
                       "code that can inject, paired, with 95 % intervals.",
                       "recovery_time");
    figure.y_scale = lab::Scale::log10;
    figure.y_title = "time of a repair";
    return figure;
}

lab::Figure split() {
    lab::Figure figure =
        bars("split", "Where the time of the checks goes",
             "Time without checks by the time with them, checks added one after the other, left to right; paired, with 95 % "
             "intervals. The step from one to the next is what a check costs.",
             "checks", "time", "weights");
    figure.mark = lab::Mark::lines;
    figure.relative = lab::Relative{"checks", "none"};
    figure.facet_column = "head_dim";
    figure.facet_row = "dtype";
    figure.y_title = "speed, no checks = 1";
    return figure;
}

}  // namespace

const std::vector<lab::Figure>& figures() {
    static const std::vector<lab::Figure> made = {
        speed_of("overhead-fused", "Speed against the unprotected fused kernel", "fused"),
        speed_of("overhead-unfused", "Speed against unprotected attention with stored scores", "unfused"),
        against_length("time", "Time against sequence length", "Median time of one clean run, with its 95 % interval.", "time"),
        coverage_by_site(),
        coverage_by_model(),
        ablation(),
        escaped(),
        residuals(),
        recovery(),
        split(),
    };
    return made;
}

}  // namespace plumb::families::fault
