// SPDX-License-Identifier: Apache-2.0
#include "families/language/neural_request.h"

#include "base/error.h"
#include "families/language/embedding_file.h"
#include "lab/declare.h"
#include "lab/setting.h"

namespace plumb::families::language {

namespace {

kernels::optimizer::Rule rule_named(const std::string& name) {
    using kernels::optimizer::Rule;
    return name == "adam" ? Rule::adam : name == "adamw" ? Rule::adamw : name == "sgd" ? Rule::sgd : Rule::momentum;
}

nn::LanguageForm read_model(const lab::Settings& settings, const Request& request) {
    nn::LanguageForm model;
    model.architecture = request.model == "lstm" ? nn::Architecture::lstm : nn::Architecture::gpt1;
    model.vocabulary = static_cast<std::int64_t>(request.byte_pairs->size());
    model.context = request.chunks.length;
    model.layers = lab::setting<std::int64_t>(settings, "layers");
    model.width = lab::setting<std::int64_t>(settings, "width");
    model.hidden = lab::setting<std::int64_t>(settings, "hidden");
    model.heads = lab::setting<std::int64_t>(settings, "heads");
    model.feed_forward = lab::setting<std::int64_t>(settings, "feed_forward");
    model.pre_norm = lab::setting<bool>(settings, "pre_norm");
    model.causal = lab::setting<std::string>(settings, "mask") == "causal";
    model.dropout = lab::setting<double>(settings, "dropout");
    model.train_embeddings = lab::setting<bool>(settings, "train_embeddings");
    model.output_bias = lab::setting<std::string>(settings, "bias") != "none";
    return model;
}

}  // namespace

std::vector<lab::Parameter> neural_parameters() {
    using namespace lab::declare;
    using lab::declare::count;  // the family has a count() of its own
    constexpr double many = 1 << 30;
    lab::Parameter save = real("save", "neural: time between two checkpoints on the way; one is always made at an evaluation", 60, 0);
    save.type = lab::Type::seconds;
    return {
        text("exp_id",
             "neural: what the notebook calls the run; its log folder is then left as artifacts/logs/EXP_ID where test is scored"),
        count("layers", "neural: layers of the LSTM, blocks of GPT-1", 1, 1, 1024),
        count("width", "neural: numbers of an embedding", 768, 1, 65536),
        count("hidden", "lstm: units of a layer", 512, 1, 65536),
        count("heads", "gpt1: heads of attention; they divide width", 12, 1, 1024),
        count("feed_forward", "gpt1: units inside a block", 3072, 1, 1 << 20),
        flag("pre_norm", "gpt1: layer norm before attention and units, and one at the end; false: behind them, as GPT-1 has it"),
        choice("mask", "gpt1: none lets every place see all others, the notebook's defect: the proof of causality fails the run", "causal",
               {"causal", "none"}),
        real("dropout", "neural: share of numbers that training drops: of embeddings, of what each layer adds, of the features at the end",
             0, 0, 0.99),
        text("embeddings",
             "neural: embeddings to start from: an npz or safetensors file, or the folder of OpenAI's ten npy files; empty: drawn"),
        flag("train_embeddings", "neural: learn the embeddings, which are the output layer too; false: they stay, as in the notebook",
             true),
        choice("bias",
               "neural: a number an id in the output layer: none, as in the notebook; counts: learnt, starts from how often ids occur",
               "none", {"none", "counts"}),
        choice("optimizer", "neural: what makes steps of gradients", "adamw", {"adam", "adamw", "sgd", "momentum"}),
        real("rate", "neural: the highest learning rate", 1e-3, 0),
        real("decay", "neural: weight decay of adamw, sgd and momentum; adam has none", 5e-4, 0),
        real("momentum", "neural: of optimizer=momentum", 0.9, 0, 1),
        count("warmup", "neural: steps in which the learning rate climbs", 0, 0, many),
        choice("schedule", "neural: the learning rate behind the climb; cosine: down to 0 at the end", "constant", {"constant", "cosine"}),
        real("clip", "neural: longest gradient, all parameters as one vector; 0: any", 0, 0),
        count("accumulate", "neural: pieces that a batch is computed in, one after the other: less memory, the same step", 1, 1, 1 << 20),
        choice("weighting", "neural: what counts the same in a step's loss: every prediction, or every sequence, as in the notebook",
               "predictions", {"predictions", "sequences"}),
        count("epochs", "neural: times that train is gone through, unless steps says otherwise", 10, 1, many),
        count("steps", "neural: steps of training; 0: whole epochs", 0, 0, many),
        count("evaluate", "neural: steps between two evaluations; 0: at the end of each epoch", 0, 0, many),
        count("patience", "neural: evaluations without a better one that end the run; 0: none do", 0, 0, many),
        count("scored", "neural: sequences of each split that are scored, the first ones; 0: all", 0, 0, many),
        count("sample", "neural: ids of text that each evaluation writes, to artifacts/sample-STEP.txt", 40, 0, 65536),
        choice("keep", "neural: checkpoints that stay in artifacts: best (the model alone), both (and last, with moments), none", "best",
               {"best", "both", "none"}),
        save,
    };
}

NeuralRequest read_neural_request(const lab::Settings& settings, const Request& request) {
    NeuralRequest neural;
    neural.exp_id = lab::setting<std::string>(settings, "exp_id");
    if (neural.exp_id.find('/') != std::string::npos || neural.exp_id == "..") {
        throw base::Error(base::ErrorKind::usage, "exp_id '" + neural.exp_id + "' is no name of a folder", "use letters, digits, - and _");
    }
    neural.form.model = read_model(settings, request);
    neural.form.optimizer.rule = rule_named(lab::setting<std::string>(settings, "optimizer"));
    const bool decays = neural.form.optimizer.rule != kernels::optimizer::Rule::adam;
    neural.form.optimizer.decay = decays ? lab::setting<double>(settings, "decay") : 0;
    neural.form.optimizer.momentum = lab::setting<double>(settings, "momentum");
    neural.form.clip = lab::setting<double>(settings, "clip");
    neural.form.seed = request.seed;
    neural.form.threads = request.threads;
    neural.embeddings = lab::setting<std::string>(settings, "embeddings");
    neural.bias_from_counts = neural.form.model.output_bias;
    neural.schedule.rate = lab::setting<double>(settings, "rate");
    neural.schedule.warmup = lab::setting<std::int64_t>(settings, "warmup");
    neural.schedule.decline = decline_named(lab::setting<std::string>(settings, "schedule"));
    neural.epochs = lab::setting<std::int64_t>(settings, "epochs");
    neural.steps = lab::setting<std::int64_t>(settings, "steps");
    neural.evaluate = lab::setting<std::int64_t>(settings, "evaluate");
    neural.patience = lab::setting<std::int64_t>(settings, "patience");
    neural.accumulate = lab::setting<std::int64_t>(settings, "accumulate");
    neural.scored = lab::setting<std::int64_t>(settings, "scored");
    neural.sample = lab::setting<std::int64_t>(settings, "sample");
    neural.weighting = lab::setting<std::string>(settings, "weighting") == "predictions" ? Weighting::predictions : Weighting::sequences;
    neural.keep = lab::setting<std::string>(settings, "keep");
    neural.save_every = lab::setting<double>(settings, "save");
    return neural;
}

std::map<std::string, std::string> digest_neural_inputs(const lab::Settings& settings) {
    const auto& embeddings = lab::setting<std::string>(settings, "embeddings");
    return embeddings.empty() ? std::map<std::string, std::string>{} : digest_embeddings(embeddings);
}

}  // namespace plumb::families::language
