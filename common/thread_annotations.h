// Names for clang's thread safety analysis: which lock guards which field, and which function
// expects it. They expand to nothing under other compilers.
// Source: https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#pragma once

#if defined(__clang__)
#define PIECEWORK_ANNOTATION(x) __attribute__((x))
#else
#define PIECEWORK_ANNOTATION(x)
#endif

#define CAPABILITY(x) PIECEWORK_ANNOTATION(capability(x))
#define SCOPED_CAPABILITY PIECEWORK_ANNOTATION(scoped_lockable)
#define GUARDED_BY(x) PIECEWORK_ANNOTATION(guarded_by(x))
#define REQUIRES(...) PIECEWORK_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) PIECEWORK_ANNOTATION(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) PIECEWORK_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RELEASE(...) PIECEWORK_ANNOTATION(release_capability(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS PIECEWORK_ANNOTATION(no_thread_safety_analysis)
