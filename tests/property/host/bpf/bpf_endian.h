// SPDX-License-Identifier: Apache-2.0
#ifndef REDAN_PROPERTY_BPF_ENDIAN_H
#define REDAN_PROPERTY_BPF_ENDIAN_H
#define bpf_ntohs(x) __builtin_bswap16(x)
#endif
