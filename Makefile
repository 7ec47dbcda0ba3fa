# Piecework. `make help` lists the targets.
#
# One build/<variant>/ per variant: release, asan (with UBSan), tsan, clang (lock analysis only).
# Quiet unless V=1. Compiler output never goes beside the sources.

VARIANT ?= release
PREFIX ?= /usr/local
DESTDIR ?=
BUILD := build/$(VARIANT)
Q := $(if $(V),,@)

CXX ?= g++
CXXFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor \
            -Woverloaded-virtual -Wnull-dereference -Werror
SANITIZE_release :=
SANITIZE_asan := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SANITIZE_tsan := -fsanitize=thread
SANITIZE := $(SANITIZE_$(VARIANT))
COMPILE := $(CXX) -std=c++20 -I. $(WARNINGS) $(CXXFLAGS) $(SANITIZE) -pthread -D_FILE_OFFSET_BITS=64
LIBS := -lyaml-cpp -lcrypto -pthread

COMMON := $(wildcard common/*.cc)
TRACKER := $(filter-out tracker/main.cc,$(wildcard tracker/*.cc))
PEERCTL := $(wildcard peer/peerctl*.cc)
PEER := $(filter-out peer/main.cc $(PEERCTL),$(wildcard peer/*.cc))
UNIT := $(wildcard tests/common/*.cc tests/tracker/*.cc tests/peer/*.cc tests/support/*.cc)
objects = $(patsubst %.cc,$(BUILD)/%.o,$(1))

PROGRAMS := $(addprefix $(BUILD)/,trackerd peerd peerctl)

.PHONY: all
all: $(PROGRAMS)

$(BUILD)/trackerd: $(call objects,tracker/main.cc $(TRACKER) $(COMMON))
$(BUILD)/peerd: $(call objects,peer/main.cc $(PEER) $(COMMON))
$(BUILD)/peerctl: $(call objects,$(PEERCTL) $(PEER) $(COMMON))
$(BUILD)/unit_tests: $(call objects,$(UNIT) $(TRACKER) $(PEER) $(COMMON))

$(PROGRAMS) $(BUILD)/unit_tests:
	@echo "  link $@"
	$(Q)$(CXX) $(CXXFLAGS) $(SANITIZE) -o $@ $^ $(LIBS)

$(BUILD)/%.o: %.cc
	@echo "  c++  $<"
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

# doctest's macros are slow to optimise and the tests' own code is not what is measured.
$(BUILD)/tests/%.o: CXXFLAGS := -O1 -g

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d)

.PHONY: unit
unit: $(BUILD)/unit_tests
	$(BUILD)/unit_tests

.PHONY: clean
clean:
	rm -rf build
