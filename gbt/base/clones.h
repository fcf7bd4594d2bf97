/* Marks for loops over rows that should use the widest vectors of the machine they run on.
 *
 * GBT_CLONES before a function compiles it for AVX-512, AVX2 and the baseline; the dynamic linker
 * picks one at load time. All clones run the same IEEE operations in the same order (nothing is
 * reassociated, nothing contracted: -ffp-contract=off), so they give the same bits. It is empty
 * with GBT_NO_SIMD, outside x86-64 Linux, and under sanitizers, whose runtime is not up yet when
 * the linker asks for the choice.
 *
 * GBT_VECTOR_LOOP before a `for` promises that its rows are independent. */
#ifndef GBT_BASE_CLONES_H
#define GBT_BASE_CLONES_H

#if defined(__has_attribute)
#if __has_attribute(target_clones) && defined(__x86_64__) && defined(__gnu_linux__) && \
    !defined(GBT_NO_SIMD)
#define GBT_HAS_CLONES 1
#endif
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#undef GBT_HAS_CLONES
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#undef GBT_HAS_CLONES
#endif
#endif

#if defined(GBT_HAS_CLONES)
#define GBT_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define GBT_CLONES
#endif

#if defined(_OPENMP)
#define GBT_VECTOR_LOOP _Pragma("omp simd")
#else
#define GBT_VECTOR_LOOP
#endif

#endif
