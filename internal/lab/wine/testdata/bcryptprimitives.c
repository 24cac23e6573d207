/* Stands in for Windows' bcryptprimitives.dll, which Wine 8 lacks and Go programs need: random bytes of advapi32. */
#include <windows.h>

BOOLEAN WINAPI SystemFunction036(PVOID data, ULONG length); /* RtlGenRandom */

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) {
	return SystemFunction036(data, (ULONG)length);
}
