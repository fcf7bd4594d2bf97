/* The threads of a block as fibres; see emulate.h. A fibre serves one thread of the block after the
 * other until one of them waits; so only threads that wait need a stack of their own. Cost: some
 * ten nanoseconds a switch on x86-64, more where ucontext has to do it. */
#include "tests/cuda/emulate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

#include "gbt/base/rng.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#if defined(WITH_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif

gbt_emulated_place gbt_emulated;

namespace {

enum : uint32_t { LANES = 32, MOST_THREADS = 1024 };
enum : size_t { STACK_BYTES = 128 * 1024 };

struct fibre {
#if defined(__x86_64__)
    void *top; /* of the saved registers */
#else
    ucontext_t context;
#endif
    unsigned char *stack; /* NULL: the host's own */
    const void *bottom;   /* for the address sanitizer */
    size_t bytes;
    void *fake_stack;
    uint32_t thread;
};

/* One warp's last two exchanges: a lane may be one ahead of another that still reads. */
struct warp {
    unsigned char value[2][LANES][GBT_EMULATED_LANE_BYTES];
    uint32_t n_arrived, turn;
    fibre *waiting[LANES];
};

struct machine {
    fibre host;
    fibre *current;
    std::vector<fibre *> all;
    std::vector<fibre *> idle;         /* fibres without a thread */
    std::vector<fibre *> ready;        /* those whose wait is over */
    std::vector<fibre *> at_barrier;   /* those that wait for the whole block */
    std::vector<uint32_t> not_started; /* threads, the next one last */
    std::vector<warp> warps;
    uint32_t n_ended, n_in_exchange;
    void (*body)(void *);
    void *context;
    uint64_t seed, draws, switches;
    const char *fault;
};

machine m;

uint32_t draw_below(uint32_t n)
{
    return static_cast<uint32_t>(gbt_rng_u64(m.seed, m.draws++) % n);
}

template <class T> void shuffle(std::vector<T> &items)
{
    for (size_t i = items.size(); i > 1; i--) {
        std::swap(items[i - 1], items[draw_below(static_cast<uint32_t>(i))]);
    }
}

/* ---- Switching ------------------------------------------------------------------------------- */

#if defined(__x86_64__)
extern "C" void gbt_emulate_swap(void **save, void *load);
__asm__(".text\n"
        ".globl gbt_emulate_swap\n"
        ".type gbt_emulate_swap, @function\n"
        "gbt_emulate_swap:\n"
        "pushq %rbx\n pushq %rbp\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
        "movq %rsp, (%rdi)\n"
        "movq %rsi, %rsp\n"
        "popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbp\n popq %rbx\n"
        "ret\n"
        ".size gbt_emulate_swap, .-gbt_emulate_swap\n");
#endif

void arrive(fibre *self)
{
#if defined(WITH_ASAN)
    const void *bottom;
    size_t bytes;
    __sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &bytes);
    if (m.host.bottom == NULL) { /* the first switch of all came from the host */
        m.host.bottom = bottom;
        m.host.bytes = bytes;
    }
#endif
    m.current = self;
    gbt_emulated.thread = self->thread;
}

void switch_to(fibre *to)
{
    fibre *from = m.current;
    if (from == to) {
        return;
    }
    m.switches++;
#if defined(WITH_ASAN)
    __sanitizer_start_switch_fiber(&from->fake_stack, to->bottom, to->bytes);
#endif
#if defined(__x86_64__)
    gbt_emulate_swap(&from->top, to->top);
#else
    swapcontext(&from->context, &to->context);
#endif
    arrive(from);
}

/* Goes on with a fibre that can; with the host when the block is done or stuck. */
void switch_to_next();

[[noreturn]] void live()
{
    fibre *self = m.current;
    for (;;) {
        while (!m.not_started.empty()) {
            self->thread = m.not_started.back();
            m.not_started.pop_back();
            gbt_emulated.thread = self->thread;
            m.body(m.context);
            m.n_ended++;
        }
        m.idle.push_back(self);
        switch_to_next();
    }
}

fibre *starting;

void enter()
{
    arrive(starting);
    live();
}

fibre *new_fibre()
{
    fibre *f = static_cast<fibre *>(calloc(1, sizeof *f));
    f->stack = static_cast<unsigned char *>(malloc(STACK_BYTES));
    assert(f->stack != NULL);
    m.all.push_back(f);
    f->bottom = f->stack;
    f->bytes = STACK_BYTES;
#if defined(__x86_64__)
    /* Six registers, then the address that the first switch returns to, on an aligned stack. */
    uintptr_t top = (reinterpret_cast<uintptr_t>(f->stack) + STACK_BYTES) & ~uintptr_t(15);
    void **at = reinterpret_cast<void **>(top) - 2;
    *at = reinterpret_cast<void *>(&enter);
    at -= 6;
    memset(at, 0, 6 * sizeof *at);
    f->top = at;
#else
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&f->context, enter, 0);
#endif
    return f;
}

void release_barrier()
{
    m.ready.swap(m.at_barrier);
    m.at_barrier.clear();
    shuffle(m.ready);
}

void switch_to_next()
{
    if (m.ready.empty() && m.not_started.empty() && !m.at_barrier.empty() && m.n_in_exchange == 0 &&
        m.n_ended == 0) {
        release_barrier();
    }
    if (!m.ready.empty() && (m.not_started.empty() || draw_below(2) == 0)) {
        fibre *next = m.ready.back();
        m.ready.pop_back();
        switch_to(next);
        return;
    }
    if (!m.not_started.empty()) {
        if (m.idle.empty()) {
            m.idle.push_back(new_fibre());
        }
        starting = m.idle.back();
        m.idle.pop_back();
        switch_to(starting);
        return;
    }
    if (!m.at_barrier.empty() || m.n_in_exchange > 0) {
        m.fault = m.n_in_exchange > 0 ? "some lanes of a warp wait for others that never come"
                                      : "some threads end before a barrier that others wait at";
    }
    switch_to(&m.host);
}

gbt_status run_block()
{
    for (warp &w : m.warps) {
        w.n_arrived = 0;
        w.turn = 0;
    }
    m.n_ended = 0;
    m.n_in_exchange = 0;
    m.not_started.clear();
    for (uint32_t t = 0; t < gbt_emulated.threads; t++) {
        m.not_started.push_back(t);
    }
    shuffle(m.not_started);
    m.current = &m.host;
    switch_to_next();
    if (m.fault != NULL) { /* the fibres that still wait are lost */
        m.ready.clear();
        m.at_barrier.clear();
        return GBT_ERR_DEVICE;
    }
    return GBT_OK;
}

} // namespace

void gbt_emulate_seed(uint64_t seed)
{
    m.seed = gbt_rng_mix(seed);
    m.draws = 0;
}

uint64_t gbt_emulate_switches()
{
    return m.switches;
}

void gbt_emulate_barrier()
{
    m.at_barrier.push_back(m.current);
    switch_to_next();
}

const unsigned char *gbt_emulate_exchange(const void *value, size_t size)
{
    warp &w = m.warps[gbt_emulated.thread / LANES];
    const uint32_t turn = w.turn;
    assert(size <= GBT_EMULATED_LANE_BYTES);
    memcpy(w.value[turn][gbt_emulated.thread % LANES], value, size);
    w.waiting[w.n_arrived++] = m.current;
    m.n_in_exchange++;
    if (w.n_arrived == LANES) {
        m.ready.insert(m.ready.end(), w.waiting, w.waiting + LANES);
        w.n_arrived = 0;
        w.turn = 1 - turn;
        m.n_in_exchange -= LANES;
    }
    switch_to_next();
    return w.value[turn][0];
}

gbt_status gbt_emulate_run(const char *kernel, int64_t blocks, int32_t threads,
                           int64_t shared_bytes, void (*body)(void *), void *context)
{
    if (blocks <= 0) {
        return GBT_OK;
    }
    if (threads < 1 || threads > static_cast<int32_t>(MOST_THREADS) || threads % LANES != 0 ||
        blocks > INT32_MAX || shared_bytes < 0 || shared_bytes > 227 * 1024) {
        return gbt_fail(GBT_ERR_DEVICE, "kernel %s: %lld blocks of %d threads, %lld shared bytes",
                        kernel, static_cast<long long>(blocks), static_cast<int>(threads),
                        static_cast<long long>(shared_bytes));
    }
    std::vector<uint32_t> order(static_cast<size_t>(blocks));
    for (uint32_t b = 0; b < order.size(); b++) {
        order[b] = b;
    }
    shuffle(order);
    m.warps.resize(static_cast<size_t>(threads) / LANES);
    m.body = body;
    m.context = context;
    m.fault = NULL;
    gbt_emulated.threads = static_cast<uint32_t>(threads);
    gbt_emulated.blocks = static_cast<uint32_t>(blocks);
    gbt_emulated.shared = static_cast<unsigned char *>(malloc(static_cast<size_t>(shared_bytes)));
    gbt_status status = GBT_OK;
    for (size_t b = 0; b < order.size() && status == GBT_OK; b++) {
        gbt_emulated.block = order[b];
        memset(gbt_emulated.shared, 0xa5, static_cast<size_t>(shared_bytes));
        status = run_block();
    }
    free(gbt_emulated.shared);
    gbt_emulated.shared = NULL;
    return status == GBT_OK ? GBT_OK
                            : gbt_fail(GBT_ERR_DEVICE, "kernel %s, block %u: %s", kernel,
                                       gbt_emulated.block, m.fault);
}
