// SPDX-License-Identifier: Apache-2.0
// From JPEG to the network's input, one thread: the 150 photos of data/trashnet, 384 x 512, quality 80, from memory. items_per_second
// counts photos. Stages: whole decode; decode of what the crop shows; resize of it; crop (both); tensor (crop and ToTensor). Beside Pillow
// and torchvision, in alternating order, where PLUMB_IMAGE_PEER names a Python that has them:
//   PLUMB_IMAGE_PEER=venv/bin/python build/bench/image_bench --benchmark_filter=peer
#include <benchmark/benchmark.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/archive.h"
#include "base/error.h"
#include "kernels/image/pipeline.h"
#include "kernels/image/tensor.h"
#include "kernels/isa.h"
#include "paired.h"

namespace plumb {
namespace {

using namespace kernels::image;

constexpr int rounds = 9;
const char* const archive = PLUMB_SOURCE_DIR "/data/trashnet/photos.tar";

struct Photo {
    std::string name, content;
    std::span<const std::uint8_t> bytes() const { return {reinterpret_cast<const std::uint8_t*>(content.data()), content.size()}; }
};

const std::vector<Photo>& photos() {
    static const std::vector<Photo> read = [] {
        std::vector<Photo> made;
        base::each_in_archive(archive, [&](const std::string& name, std::string content) { made.push_back({name, std::move(content)}); });
        return made;
    }();
    return read;
}

/// One call a photo, timed as a pass over all of them.
template <class Each>
void measure(benchmark::State& state, const Each& each) {
    for (auto _ : state) {
        for (const Photo& photo : photos()) each(photo);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(photos().size()));
}

Region everything(Size whole) {
    return {0, 0, whole.width, whole.height};
}
Resize resize_of(Size whole) {
    return {whole, resized_size(whole, 256), {16, 58, 224, 224}};
}
Region shown(Size whole) {
    return resize_of(whole).source();
}

void decode_whole(benchmark::State& state) {
    Part part;
    measure(state, [&](const Photo& photo) { decode_part(photo.bytes(), photo.name, everything, part); });
}
void decode_shown(benchmark::State& state) {
    Part part;
    measure(state, [&](const Photo& photo) { decode_part(photo.bytes(), photo.name, shown, part); });
}
void resize_shown(benchmark::State& state) {
    Part part;
    decode_part(photos().front().bytes(), "photo", shown, part);
    ResizeMemory memory;
    Image out;
    measure(state, [&](const Photo&) { resize_of(part.whole).run(part.image, part.region, memory, out); });
}

class Tensors {
  public:
    void operator()(const Photo& photo) {
        cropper_.crop(photo.bytes(), photo.name, crop_);
        to_tensor(crop_, planes_);
        benchmark::DoNotOptimize(planes_.data());
    }
    void crop(const Photo& photo) { cropper_.crop(photo.bytes(), photo.name, crop_); }

  private:
    Pipeline pipeline_;
    Cropper cropper_{pipeline_};
    std::vector<std::uint8_t> crop_ = std::vector<std::uint8_t>(pipeline_.crop_bytes());
    std::vector<float> planes_ = std::vector<float>(pipeline_.crop_bytes());
};

/// A Python process that answers each line with seconds.
class Peer {
  public:
    explicit Peer(const std::string& python) {
        int to[2], from[2];
        if (pipe(to) != 0 || pipe(from) != 0) throw base::Error(base::ErrorKind::failed, "no pipe");
        child_ = fork();
        if (child_ == 0) {
            dup2(to[0], STDIN_FILENO);
            dup2(from[1], STDOUT_FILENO);
            close(to[1]);
            close(from[0]);
            execlp(python.c_str(), python.c_str(), PLUMB_SOURCE_DIR "/bench/image_peer.py", archive, nullptr);
            _exit(127);
        }
        close(to[0]);
        close(from[1]);
        out_.reset(fdopen(to[1], "w"));
        in_.reset(fdopen(from[0], "r"));
        std::fprintf(stderr, "peer: %s", line().c_str());
    }
    ~Peer() {
        out_.reset();
        waitpid(child_, nullptr, 0);
    }
    double seconds(const char* pass) {
        std::fprintf(out_.get(), "%s\n", pass);
        std::fflush(out_.get());
        return std::stod(line());
    }

  private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    std::string line() {
        char text[256];
        if (std::fgets(text, sizeof text, in_.get()) == nullptr)
            throw base::Error(base::ErrorKind::missing, "the peer does not answer",
                              "PLUMB_IMAGE_PEER: a Python with Pillow and torchvision");
        return text;
    }
    pid_t child_ = 0;
    std::unique_ptr<std::FILE, Close> out_, in_;
};

void beside(benchmark::State& state, const std::string& python, const char* pass) {
    Peer peer(python);
    peer.seconds(pass);  // imports, first touches
    Tensors tensors;
    bench::Pairs pairs;
    for (auto _ : state) {
        pairs.sample(
            state,
            [&] {
                return bench::seconds([&] {
                    for (const Photo& photo : photos()) tensors(photo);
                });
            },
            [&] { return peer.seconds(pass); });
    }
    pairs.report(state, "times_peer");
    const auto per_second = [](const std::vector<double>& passes) { return static_cast<double>(photos().size()) / base::median(passes); };
    state.counters["images_per_s"] = per_second(pairs.own);
    state.counters["peer_images_per_s"] = per_second(pairs.other);
}

void register_all() {
    const auto stage = [](const std::string& name, auto&& run) {
        benchmark::RegisterBenchmark(name.c_str(), run)->Unit(benchmark::kMillisecond);
    };
    for (const kernels::Isa isa : kernels::available_isas()) {
        const std::string prefix = std::string(kernels::name(isa)) + "/";
        stage(prefix + "resize_shown", [isa](benchmark::State& state) {
            kernels::set_isa(isa);
            resize_shown(state);
            kernels::reset_isa();
        });
    }
    stage("decode_whole", decode_whole);
    stage("decode_shown", decode_shown);
    stage("crop", [](benchmark::State& state) {
        Tensors tensors;
        measure(state, [&](const Photo& photo) { tensors.crop(photo); });
    });
    stage("tensor", [](benchmark::State& state) {
        Tensors tensors;
        measure(state, [&](const Photo& photo) { tensors(photo); });
    });
    const char* python = std::getenv("PLUMB_IMAGE_PEER");
    if (python == nullptr) return;
    for (const char* pass : {"pillow", "io"}) {
        bench::register_timed(std::string("peer/") + pass, [python, pass](benchmark::State& state) {
            beside(state, python, pass);
        })->Iterations(rounds);
    }
}

}  // namespace
}  // namespace plumb

int main(int argc, char** argv) {
    plumb::register_all();
    return plumb::bench::run_registered(argc, argv);
}
