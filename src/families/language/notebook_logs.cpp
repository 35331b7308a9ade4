// SPDX-License-Identifier: Apache-2.0
#include "families/language/notebook_logs.h"

#include <cmath>

#include "families/language/curves.h"
#include "families/language/log_folder.h"
#include "lab/setting.h"

namespace plumb::families::language {

namespace {

/// In the notebook's order; what plumb has no word for is what the notebook has by default.
nlohmann::ordered_json arguments(const std::filesystem::path& folder, const Request& request, const NeuralRequest& neural) {
    nlohmann::ordered_json made;
    made["data_folder"] = lab::setting<std::string>(request.settings, "train");
    made["batch_size"] = request.batch;
    made["model"] = request.model;
    made["embeddings"] = lab::setting<std::string>(request.settings, "embeddings");
    made["layers"] = neural.form.model.layers;
    made["optimizer"] = lab::setting<std::string>(request.settings, "optimizer");
    made["epochs"] = neural.epochs;
    made["lr"] = neural.schedule.rate;
    made["momentum"] = neural.form.optimizer.momentum;
    made["weight_decay"] = lab::setting<double>(request.settings, "decay");
    made["exp_id"] = lab::setting<std::string>(request.settings, "exp_id");
    made["log"] = true;
    made["log_dir"] = folder.filename().string();
    made["seed"] = request.seed;
    made["num_workers"] = 0;
    made["device"] = "cpu";
    made["progress_bar"] = false;
    made["print_every"] = 10;
    return made;
}

LoggedSplit logged(const std::vector<CurvePoint>& points) {
    LoggedSplit split;
    for (const CurvePoint& point : points) {
        split.loss.push_back(point.printed_nats);
        split.perplexity.push_back(std::exp(point.printed_nats));
        split.time.push_back(point.time);
    }
    return split;
}

}  // namespace

void write_notebook_logs(const std::filesystem::path& folder, const Request& request, const NeuralRequest& neural,
                         const std::string& curves, double memory) {
    LogFolder logs;
    logs.arguments = arguments(folder, request, neural);
    logs.train = logged(read_series(curves, "train"));
    logs.validation = logged(read_series(curves, request.held_out.front().name));
    const std::vector<CurvePoint> test = read_series(curves, request.held_out.back().name);
    if (!test.empty()) logs.test = logged({test.back()});
    logs.memory = memory / 1e6;
    std::filesystem::create_directories(folder);
    write_log_folder(folder / lab::setting<std::string>(request.settings, "exp_id"), logs);
}

}  // namespace plumb::families::language
