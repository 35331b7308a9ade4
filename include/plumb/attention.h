/* SPDX-License-Identifier: Apache-2.0
 *
 * libplumb_attention: scaled dot-product attention on the CPU, forward and backward, with checks against silent faults of the hardware.
 *
 *     out = softmax(scale q k^T + bias, hidden keys left out) v
 *
 * Legend: B batch, H heads, G key heads, N queries, M keys, D head_dim, E value_dim. Query head h reads key head h / (H / G).
 *
 * Memory: every array belongs to the caller and is only borrowed for the call. An array that is written must not overlap another array of
 *   the call. The N x M scores are never stored. Numbers are aligned to their own size.
 * Threads: any number of threads may call at once. A call uses problem.threads OpenMP threads; the bits of its results do not depend on how
 *   many, on one instruction set.
 * Errors: a function returns a plumb_attention_status and never throws, prints, exits or sets errno. Except with OK and UNTRUSTED no output
 *   is meaningful. plumb_attention_last_error() names what was wrong, its value and what would be right.
 * Growth: structs open with their own size, which the ..._default() functions set. Later versions add fields at the end, whose zero means
 *   what it meant before; a program and a library of different versions work together as long as no field is used that the library lacks,
 *   which is an UNSUPPORTED.
 */
#ifndef PLUMB_ATTENTION_H
#define PLUMB_ATTENTION_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define PLUMB_ATTENTION_EMPTY \
    {}
#else
#define PLUMB_ATTENTION_EMPTY \
    { 0 }
#endif

#if defined(__GNUC__)
#define PLUMB_ATTENTION_API __attribute__((visibility("default")))
#else
#define PLUMB_ATTENTION_API
#endif

typedef enum plumb_attention_status {
    PLUMB_ATTENTION_OK = 0,
    PLUMB_ATTENTION_UNTRUSTED = 1,    /* computed and written, but a check found a fault that was not corrected: see the report */
    PLUMB_ATTENTION_BAD_ARGUMENT = 2, /* a size, pointer or value that no version takes */
    PLUMB_ATTENTION_UNSUPPORTED = 3,  /* valid, but not on this host, or not in this version */
    PLUMB_ATTENTION_OUT_OF_MEMORY = 4,
    PLUMB_ATTENTION_INTERNAL = 5 /* a defect of this library */
} plumb_attention_status;

/* Type of q, k, v, out and their gradients. Arithmetic and sums are fp32 whatever the type. */
enum { PLUMB_ATTENTION_FP32 = 0, PLUMB_ATTENTION_BF16 = 1, PLUMB_ATTENTION_FP16 = 2 };

enum {
    PLUMB_ATTENTION_MASK_NONE = 0,
    PLUMB_ATTENTION_MASK_BOOLEAN = 1,       /* hidden: B x N x M bytes, contiguous, for all heads; 1 hides the key, 0 shows it */
    PLUMB_ATTENTION_MASK_KEY_PADDING = 2,   /* hidden: B x M bytes, contiguous; 1 hides the key, 0 shows it */
    PLUMB_ATTENTION_MASK_CAUSAL = 3,        /* key m is hidden from query n when m > n + (M - N): the last query sees every key */
    PLUMB_ATTENTION_MASK_SLIDING_WINDOW = 4 /* window_left and window_right and nothing else */
};

/* How fp32 products are made. HIGH and MEDIUM need AMX and are forward only. */
enum {
    PLUMB_ATTENTION_HIGHEST = 0, /* fp32 */
    PLUMB_ATTENTION_HIGH = 1,    /* each number as two bf16, three products */
    PLUMB_ATTENTION_MEDIUM = 2   /* products of bf16 */
};

/* What the forward pass does against silent faults. */
enum {
    PLUMB_ATTENTION_PROTECT_NONE = 0,
    PLUMB_ATTENTION_PROTECT_DETECT = 1, /* checks and reports; the output stays as it is */
    PLUMB_ATTENTION_PROTECT_CORRECT = 2 /* recomputes what a check doubts, compares bit by bit, lets a third run decide */
};

enum { PLUMB_ATTENTION_FORWARD = 0, PLUMB_ATTENTION_BACKWARD = 1 };

/* Distance in numbers, not bytes, between neighbours along each axis. Inputs may have any, 0 (the same number again) and negative ones too.
 */
typedef struct plumb_attention_strides {
    int64_t batch;
    int64_t head;
    int64_t row; /* query or key */
    int64_t column;
} plumb_attention_strides;

/* Strides of a contiguous batch x heads x rows x columns array, as PyTorch's scaled_dot_product_attention takes it. */
static inline plumb_attention_strides plumb_attention_strides_bhnd(int64_t heads, int64_t rows, int64_t columns) {
    plumb_attention_strides strides;
    strides.batch = heads * rows * columns;
    strides.head = rows * columns;
    strides.row = columns;
    strides.column = 1;
    return strides;
}

/* Strides of a contiguous batch x rows x heads x columns array. */
static inline plumb_attention_strides plumb_attention_strides_bnhd(int64_t heads, int64_t rows, int64_t columns) {
    plumb_attention_strides strides;
    strides.batch = rows * heads * columns;
    strides.head = columns;
    strides.row = heads * columns;
    strides.column = 1;
    return strides;
}

typedef struct plumb_attention_problem {
    uint64_t struct_size; /* sizeof(plumb_attention_problem) */
    int64_t batch;
    int64_t heads;     /* H, a multiple of key_heads */
    int64_t key_heads; /* G; 0: as many as heads */
    int64_t queries;   /* N; 0 is allowed, as are 0 keys, batches and heads */
    int64_t keys;      /* M */
    int64_t head_dim;  /* D, at least 1 */
    int64_t value_dim; /* E */
    const void* q;     /* B x H x N x D numbers of type dtype */
    const void* k;     /* B x G x M x D */
    const void* v;     /* B x G x M x E */
    plumb_attention_strides q_strides;
    plumb_attention_strides k_strides;
    plumb_attention_strides v_strides;
    /* Added to the scaled scores, over B x H x N x M by its strides; a stride of 0 repeats. NULL: none. -inf hides nothing: use a mask. */
    const float* bias;
    plumb_attention_strides bias_strides;
    const uint8_t* hidden; /* of masks that have bytes, each 0 or 1; otherwise not read */
    /* With any mask but NONE: query n stands at key n + (M - N) and sees so many keys before and after it. -1: no limit on that side. */
    int64_t window_left;
    int64_t window_right;
    int32_t mask;      /* PLUMB_ATTENTION_MASK_... */
    int32_t dtype;     /* PLUMB_ATTENTION_FP32, _BF16 or _FP16 */
    int32_t precision; /* PLUMB_ATTENTION_HIGHEST, _HIGH or _MEDIUM */
    int32_t threads;   /* at most 1024; 0: as many as OpenMP gives (OMP_NUM_THREADS, else all cores) */
    float scale;       /* factor of the scores; 0: 1 / sqrt(D) */
    uint32_t reserved; /* 0 */
} plumb_attention_problem;

/* A problem of batch 1 and one head in fp32 without mask, window and bias; sizes and arrays are yours to fill in. */
static inline plumb_attention_problem plumb_attention_problem_default(void) {
    plumb_attention_problem problem = PLUMB_ATTENTION_EMPTY;
    problem.struct_size = sizeof problem;
    problem.batch = 1;
    problem.heads = 1;
    problem.window_left = -1;
    problem.window_right = -1;
    return problem;
}

/* Which check raised an alarm. */
enum {
    PLUMB_ATTENTION_CHECK_SCORES = 0,
    PLUMB_ATTENTION_CHECK_MAXIMA = 1,
    PLUMB_ATTENTION_CHECK_EXPONENTIALS = 2,
    PLUMB_ATTENTION_CHECK_OUTPUTS = 3,
    PLUMB_ATTENTION_CHECK_KEY_COUNT = 4,
    PLUMB_ATTENTION_CHECK_OPERANDS = 5,
    PLUMB_ATTENTION_CHECK_HANDOFF = 6
};

/* What became of it. */
enum {
    PLUMB_ATTENTION_DETECTED = 0,    /* protection DETECT: reported and left as it is */
    PLUMB_ATTENTION_CORRECTED = 1,   /* two of three runs agree bit by bit and pass the checks */
    PLUMB_ATTENTION_FALSE_ALARM = 2, /* the second run gave the same bits and the operands are intact */
    PLUMB_ATTENTION_UNRESOLVED = 3   /* no two runs agree, or an operand is damaged and no source of it is left */
};

/* One alarm. Places that it does not have are -1. */
typedef struct plumb_attention_evidence {
    int32_t check;   /* PLUMB_ATTENTION_CHECK_... */
    int32_t outcome; /* PLUMB_ATTENTION_DETECTED, ... */
    int64_t batch;
    int64_t key_head;
    int64_t head; /* of the first row that alarms, as is query */
    int64_t query;
    int64_t first_key; /* of the block of keys */
    double residual;
    double threshold;
    int32_t thread; /* OpenMP's number */
    int32_t core;   /* the system's number */
} plumb_attention_evidence;

/* What the checks of one forward call found. */
typedef struct plumb_attention_report {
    uint64_t struct_size;               /* in: sizeof(plumb_attention_report) */
    plumb_attention_evidence* evidence; /* in: room for records of the first alarms; may be NULL */
    int64_t evidence_capacity;          /* in: how many records fit */
    uint64_t evidence_size;             /* in: sizeof(plumb_attention_evidence) */
    int64_t evidence_count;             /* records written: at most the capacity, and at most 64 */
    int64_t row_checks;                 /* residuals compared with a threshold */
    int64_t alarms;
    int64_t corrected;
    int64_t false_alarms;
    int64_t unresolved;      /* with protection DETECT: all alarms */
    double largest_residual; /* of what was accepted, as a share of its threshold */
    int32_t trusted;         /* 1: checks ran and no alarm is unresolved; 0 with protection NONE */
    uint32_t reserved;
} plumb_attention_report;

/* An empty report that takes up to `capacity` records. */
static inline plumb_attention_report plumb_attention_report_default(plumb_attention_evidence* evidence, int64_t capacity) {
    plumb_attention_report report = PLUMB_ATTENTION_EMPTY;
    report.struct_size = sizeof report;
    report.evidence = evidence;
    report.evidence_capacity = capacity;
    report.evidence_size = sizeof(plumb_attention_evidence);
    return report;
}

/* What the backward pass reads besides the problem, and where it writes. Numbers are of type problem.dtype, but for lse. */
typedef struct plumb_attention_gradients {
    uint64_t struct_size; /* sizeof(plumb_attention_gradients) */
    const void* out;      /* B x H x N x E, of the forward pass */
    const float* lse;     /* B x H x N contiguous, of the forward pass */
    const void* dout;     /* B x H x N x E: the gradient of the loss by out */
    void* dq;             /* written: B x H x N x D */
    void* dk;             /* written: B x G x M x D, summed over the query heads of each key head */
    void* dv;             /* written: B x G x M x E, likewise */
    plumb_attention_strides out_strides;
    plumb_attention_strides dout_strides;
    plumb_attention_strides dq_strides;
    plumb_attention_strides dk_strides;
    plumb_attention_strides dv_strides;
} plumb_attention_gradients;

static inline plumb_attention_gradients plumb_attention_gradients_default(void) {
    plumb_attention_gradients gradients = PLUMB_ATTENTION_EMPTY;
    gradients.struct_size = sizeof gradients;
    return gradients;
}

/* Writes B x H x N x E numbers of type problem.dtype to `out` and, unless NULL, to `lse` the B x H x N logarithms (natural) of the sums of
 * exp over visible keys, contiguous fp32. A query that sees no key gets a row of zeros and the log-sum-exp -inf.
 * protection: PLUMB_ATTENTION_PROTECT_...; at every level the bits of a run without faults are the same.
 * report: filled whenever the status is OK or UNTRUSTED; may be NULL. Rows with NaN or inf in their scores or values raise false alarms.
 * Error against fp64: at most twice that of the same steps in plain fp32, then one rounding to dtype. */
PLUMB_ATTENTION_API plumb_attention_status plumb_attention_forward(const plumb_attention_problem* problem, int32_t protection, void* out,
                                                                   const plumb_attention_strides* out_strides, float* lse,
                                                                   plumb_attention_report* report);

/* Gradients of q, k and v; none of the bias. Scores are computed again from lse. Unprotected. A pair of query and key that the mask hides
 * contributes nothing. */
PLUMB_ATTENTION_API plumb_attention_status plumb_attention_backward(const plumb_attention_problem* problem,
                                                                    const plumb_attention_gradients* gradients);

/* Whether the call would be accepted: OK, BAD_ARGUMENT or UNSUPPORTED, with the reason in plumb_attention_last_error(). Reads no array, and
 * takes NULL for q, k, v and hidden. pass: PLUMB_ATTENTION_FORWARD or PLUMB_ATTENTION_BACKWARD. */
PLUMB_ATTENTION_API plumb_attention_status plumb_attention_supports(const plumb_attention_problem* problem, int32_t pass,
                                                                    int32_t protection);

/* "scalar", "avx2", "avx512" or "amx": what calls use on this host; the environment variable PLUMB_ISA forces one. NULL where it forces one
 * that the host lacks; plumb_attention_last_error() then says why. */
PLUMB_ATTENTION_API const char* plumb_attention_instruction_set(void);

/* The message of the last call of this thread that failed or was untrusted; "" before the first. Valid until the next such call of this
 * thread. */
PLUMB_ATTENTION_API const char* plumb_attention_last_error(void);

/* "ok", "untrusted", "bad argument", ...; "unknown status" for a number that is none. */
PLUMB_ATTENTION_API const char* plumb_attention_status_name(plumb_attention_status status);

/* "0.1.0": of the library that is loaded. */
PLUMB_ATTENTION_API const char* plumb_attention_version(void);

#undef PLUMB_ATTENTION_EMPTY
#ifdef __cplusplus
}
#endif

#endif
