# Piecework. `make help` lists the targets.
#
# One build/<variant>/ per variant: release, asan (with UBSan), tsan, fuzz (clang's libFuzzer with
# both), clang (lock analysis only).
# Quiet unless V=1. Compiler output never goes beside the sources.

VARIANT ?= release
JOBS ?= $(shell nproc)
SLOW ?= 1
SCENARIOS ?=
BUILD := build/$(VARIANT)
Q := $(if $(V),,@)

CXX ?= g++
CXXFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor \
            -Woverloaded-virtual -Wnull-dereference -Werror
LDFLAGS ?= -Wl,-z,relro,-z,now
SANITIZE_release :=
# Not vptr: that check reads through a pipe, and calls every object wrong when there are no descriptors.
SANITIZE_asan := -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all \
                 -fno-omit-frame-pointer
SANITIZE_tsan := -fsanitize=thread
SANITIZE_coverage := --coverage -fprofile-update=atomic
SANITIZE_fuzz := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
                 -fsanitize-ignorelist=tests/fuzz/ignored.txt -fno-omit-frame-pointer
SANITIZE := $(SANITIZE_$(VARIANT))
COMPILE := $(CXX) -std=c++20 -I. $(WARNINGS) $(CXXFLAGS) $(SANITIZE) -pthread -D_FILE_OFFSET_BITS=64
LIBS := -lyaml-cpp -lssl -lcrypto -pthread

COMMON := $(wildcard common/*.cc)
TRACKER := $(filter-out tracker/main.cc,$(wildcard tracker/*.cc))
PEERCTL := $(wildcard peer/peerctl*.cc)
PEER := $(filter-out peer/main.cc $(PEERCTL),$(wildcard peer/*.cc))
FUZZ := $(filter-out tests/fuzz/libfuzzer.cc %_test.cc,$(wildcard tests/fuzz/*.cc))
UNIT := $(wildcard tests/common/*.cc tests/tracker/*.cc tests/peer/*.cc tests/support/*.cc) $(FUZZ) \
        $(wildcard tests/fuzz/*_test.cc tests/model/*.cc)
BENCH := $(wildcard tests/bench/*.cc)
objects = $(patsubst %.cc,$(BUILD)/%.o,$(1))

PROGRAMS := $(addprefix $(BUILD)/,trackerd peerd peerctl)

.PHONY: all
all: $(PROGRAMS)

$(BUILD)/trackerd: $(call objects,tracker/main.cc $(TRACKER) $(COMMON))
$(BUILD)/peerd: $(call objects,peer/main.cc $(PEER) $(COMMON))
$(BUILD)/peerctl: $(call objects,$(PEERCTL) $(PEER) $(COMMON))
$(BUILD)/unit_tests: $(call objects,$(UNIT) $(TRACKER) $(PEER) $(COMMON))

# What measures: one program a file, tests/bench/NAME.cc to bench/NAME.
BENCH_PROGRAMS := $(patsubst tests/bench/%.cc,$(BUILD)/bench/%,$(BENCH))
.PHONY: bench-programs
bench-programs: $(BENCH_PROGRAMS)
$(BENCH_PROGRAMS): $(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(call objects,$(COMMON))

# What scenarios load before a daemon, to fail, record or falsify what it calls: one library a file,
# tests/preload/NAME.cc to preload/NAME.so. None is sanitized: the daemon's own checks stay its own.
PRELOADS := $(patsubst tests/preload/%.cc,$(BUILD)/preload/%.so,\
              $(filter-out %/preload.cc,$(wildcard tests/preload/*.cc)))
$(PRELOADS): $(BUILD)/preload/%.so: tests/preload/%.cc tests/preload/preload.cc \
                                    tests/preload/preload.h
	@echo "  so   $@"
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=c++20 -I. $(WARNINGS) -O1 -g -fPIC -shared -pthread -o $@ $(filter %.cc,$^) -ldl

.PHONY: preloads
preloads: $(PRELOADS)

FUZZ_SUPPORT := $(addprefix tests/support/,eventually.cc sample_torrent.cc socket_pair.cc)
# clang calls libatomic for atomics of a structure, which g++ does itself.
$(BUILD)/fuzz: LDFLAGS += -fsanitize=fuzzer
$(BUILD)/fuzz: LIBS += -latomic
$(BUILD)/fuzz: $(call objects,tests/fuzz/libfuzzer.cc $(FUZZ) $(FUZZ_SUPPORT) $(TRACKER) $(PEER) \
                 $(COMMON))

$(PROGRAMS) $(BENCH_PROGRAMS) $(BUILD)/unit_tests $(BUILD)/fuzz:
	@echo "  link $@"
	@mkdir -p $(@D)
	$(Q)$(CXX) $(CXXFLAGS) $(LDFLAGS) $(SANITIZE) -o $@ $^ $(LIBS)

$(BUILD)/%.o: %.cc
	@echo "  c++  $<"
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

# doctest's macros are slow to optimise and the tests' own code is not what is measured.
$(BUILD)/tests/%.o: CXXFLAGS := -O1 -g
$(BUILD)/tests/bench/%.o: CXXFLAGS := -O2 -g

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d)

.PHONY: build-deps test-deps deb-deps check-deps fuzz-deps coverage-deps
build-deps test-deps deb-deps check-deps fuzz-deps coverage-deps: %-deps:
	@scripts/install_deps.sh $*

# A second make builds once the packages are there, on all cores, whatever the first was told.
.PHONY: test
test: test-deps
	@$(MAKE) --no-print-directory -j$(JOBS) all $(BUILD)/unit_tests preloads
	$(Q)SLOW=$(SLOW) tests/run.sh $(BUILD) $(SCENARIOS)

# The scenarios of strangers and faults at full size, of which `make test` runs a small part. Takes
# ten minutes, and wants 6000 descriptors (ulimit -n).
TORTURE := slow_loris floods announce_flood hostile_trackers liars greedy bad_input faults \
           power_loss random_kills failing_disk no_threads clock_jumps
.PHONY: torture
torture: test-deps
	@$(MAKE) --no-print-directory -j$(JOBS) all $(BUILD)/unit_tests preloads
	$(Q)SLOW=$(SLOW) JOBS=1 LIMIT=1800 LORIS_CONNECTIONS=5000 FLOOD_CONNECTIONS=100000 \
	    FLOOD_ANNOUNCES=1000000 FAULTS=500 POWER_IMAGES=50 POWER_RUNS=300 POWER_RATE=32768 KILLS=50 \
	    tests/run.sh $(BUILD) $(TORTURE:%=tests/scenario/%.sh)

.PHONY: asan tsan
asan tsan:
	@$(MAKE) --no-print-directory test VARIANT=$@ SLOW=6

# Each reader of what strangers send, on new inputs for so many seconds. What it finds fails.
FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: fuzz-deps
	@$(MAKE) --no-print-directory -j$(JOBS) VARIANT=fuzz CXX=clang++ build/fuzz/fuzz
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run.sh build/fuzz/fuzz

# Thousands of seeded swarms and registries, of which make test runs a few hundred.
MODEL_RUNS ?= 5000
.PHONY: model
model: test-deps
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/unit_tests
	$(Q)MODEL_RUNS=$(MODEL_RUNS) $(BUILD)/unit_tests -ts=swarm_model,registry_model

.PHONY: unit
unit: $(BUILD)/unit_tests
	$(BUILD)/unit_tests

# The long way to the same release: tests, lock analysis, tidy, cppcheck, layout, shell scripts,
# includes, man pages, units, package.
.PHONY: check
check: check-deps test locks tidy cppcheck format-check shellcheck includes manual units lintian

ALL_CC = $(wildcard common/*.cc tracker/*.cc peer/*.cc)
ALL_SOURCES = $(ALL_CC) $(UNIT) tests/fuzz/libfuzzer.cc $(BENCH) $(wildcard tests/preload/*.cc) \
              $(wildcard */*.h tests/*/*.h)
CLANG_FLAGS := -std=c++20 -I. -pthread -D_FILE_OFFSET_BITS=64

.PHONY: locks
locks: $(patsubst %.cc,build/clang/%.ok,$(ALL_CC))
build/clang/%.ok: %.cc $(wildcard */*.h)
	@echo "  lock $<"
	@mkdir -p $(@D)
	$(Q)clang++ $(CLANG_FLAGS) -Wall -Wextra -Wthread-safety -Werror -fsyntax-only $<
	@touch $@

.PHONY: tidy
tidy: $(patsubst %.cc,build/tidy/%.ok,$(ALL_CC))
build/tidy/%.ok: %.cc $(wildcard */*.h) .clang-tidy
	@echo "  tidy $<"
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet $< -- $(CLANG_FLAGS) 2>/dev/null
	@touch $@

.PHONY: cppcheck
cppcheck:
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c++20 --language=c++ --library=posix -I. \
	    --enable=warning,performance,portability --suppressions-list=.cppcheck-suppressions \
	    common tracker peer

# Lines and branches of the programs that the tests pass through, without the tests' own.
.PHONY: coverage
coverage: coverage-deps
	@$(MAKE) --no-print-directory test VARIANT=coverage CXXFLAGS='-O0 -g' SLOW=3
	$(Q)for folder in common tracker peer; do \
	  echo "== $$folder"; \
	  gcovr --root . --filter "$$folder/" --exclude-throw-branches --print-summary \
	      --output build/coverage/$$folder.txt build/coverage/$$folder; \
	done

.PHONY: format format-check
format:
	clang-format -i $(ALL_SOURCES)
format-check:
	$(Q)clang-format --dry-run -Werror $(ALL_SOURCES)

.PHONY: shellcheck
shellcheck:
	$(Q)shellcheck $(wildcard scripts/*.sh tests/*.sh tests/*/*.sh .ci/run)

# Rows of figures, not a test. Run it on an idle machine, as root for the rows that need namespaces.
.PHONY: bench
bench: build-deps
	@$(MAKE) --no-print-directory -j$(JOBS) all bench-programs
	$(Q)BIN=$(BUILD) tests/bench/run.sh

# Each of them prints nothing when it is content.
.PHONY: manual units lintian
manual:
	$(Q)mandoc -T lint -W warning $(MAN_PAGES)
units: all
	$(Q)scripts/check_units.sh $(BUILD)
lintian: deb
	$(Q)lintian --fail-on error,warning --tag-display-limit 0 build/deb/*.deb

.PHONY: includes
includes:
	$(Q)scripts/check_includes.sh

# Two seeders that hold one half each, a third host, and what it costs beside a plain C/S transfer.
.PHONY: demo
demo: build-deps
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@scripts/demo.sh $(FILE)

# Where things go; DESTDIR goes before each. The units name the daemons where they are.
PREFIX ?= /usr/local
bindir ?= $(PREFIX)/bin
sbindir ?= $(PREFIX)/sbin
datadir ?= $(PREFIX)/share
mandir ?= $(datadir)/man
docdir ?= $(datadir)/doc/piecework
sysconfdir ?= /etc
unitdir ?= $(PREFIX)/lib/systemd/system
sysusersdir ?= $(PREFIX)/lib/sysusers.d
tmpfilesdir ?= $(PREFIX)/lib/tmpfiles.d
completionsdir ?= $(datadir)/bash-completion/completions
UNITS := trackerd.service peerd.service peerd@.service
MAN_PAGES := $(wildcard config/man/*.[1-8])
INSTALL_FILE = install -D -m 0644

# What an operator has changed below sysconfdir stays.
.PHONY: install
install: all
	$(Q)install -D -t $(DESTDIR)$(bindir) $(BUILD)/peerctl
	$(Q)install -D -t $(DESTDIR)$(sbindir) $(BUILD)/trackerd $(BUILD)/peerd
	$(Q)install -d $(DESTDIR)$(unitdir)
	$(Q)$(foreach unit,$(UNITS),sed 's|/usr/sbin/|$(sbindir)/|' config/systemd/$(unit) \
	    >'$(DESTDIR)$(unitdir)/$(unit)' && chmod 0644 '$(DESTDIR)$(unitdir)/$(unit)' &&) true
	$(Q)$(INSTALL_FILE) config/systemd/sysusers.conf $(DESTDIR)$(sysusersdir)/piecework.conf
	$(Q)$(INSTALL_FILE) config/systemd/tmpfiles.conf $(DESTDIR)$(tmpfilesdir)/piecework.conf
	$(Q)$(foreach page,$(MAN_PAGES),$(INSTALL_FILE) $(page) \
	    $(DESTDIR)$(mandir)/man$(subst .,,$(suffix $(page)))/$(notdir $(page)) &&) true
	$(Q)$(INSTALL_FILE) config/completion.bash $(DESTDIR)$(completionsdir)/peerctl
	$(Q)$(foreach name,trackerd peerd,ln -sf peerctl $(DESTDIR)$(completionsdir)/$(name) &&) true
	$(Q)$(INSTALL_FILE) -t $(DESTDIR)$(docdir) README.md common/PROTOCOL.md
	$(Q)$(INSTALL_FILE) -t $(DESTDIR)$(docdir)/examples config/peerd-instance.yaml
	$(Q)install -D -t $(DESTDIR)$(docdir)/examples scripts/make_ca.sh
	$(Q)$(call install_new,config/trackerd.yaml,piecework/trackerd.yaml)
	$(Q)$(call install_new,config/peerd.yaml,piecework/peerd.yaml)
	$(Q)$(call install_new,config/logrotate,logrotate.d/piecework)
install_new = test -e $(DESTDIR)$(sysconfdir)/$(2) || \
    $(INSTALL_FILE) $(1) $(DESTDIR)$(sysconfdir)/$(2)

# The Debian package, in build/deb, of the programs in $(BUILD).
.PHONY: deb
deb: deb-deps
	@$(MAKE) --no-print-directory -j$(JOBS) all
	$(Q)BUILD=$(BUILD) scripts/make_deb.sh

.PHONY: clean
clean:
	rm -rf build

.PHONY: help
help:
	@echo "make            the three programs, in build/release"
	@echo "make demo       installs what is missing, builds, and shows a swarm at work [FILE=...]"
	@echo "make test       installs what is missing, builds, runs all tests [SCENARIOS=...]"
	@echo "make torture    hostile peers, floods and faults at full size"
	@echo "make asan tsan  the tests under AddressSanitizer + UBSan, under ThreadSanitizer"
	@echo "make fuzz       the readers of what strangers send, on inputs made up [FUZZ_SECONDS=60]"
	@echo "make model      seeded swarms and registries on a clock of their own [MODEL_RUNS=5000]"
	@echo "make check      the tests, lock analysis, clang-tidy, format, shellcheck, includes, lintian"
	@echo "make bench      speed: medians beside what the machine allows, in less than ten minutes"
	@echo "make install    programs, units, man pages, configuration [PREFIX=/usr/local DESTDIR=]"
	@echo "make deb        the Debian package, build/deb/*.deb; installs what is missing for that"
	@echo "make manual     mandoc -T lint over the man pages"
	@echo "make units      what systemd-analyze thinks of the units"
	@echo "make format     lays the sources out;  make clean  removes build/"
	@echo "V=1 prints the commands; -j2 uses both cores"
