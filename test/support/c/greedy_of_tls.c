/* An extension that asks for more thread-local storage at once than the C library has set aside for latecomers. */
__thread volatile char greedy_block[64 << 10] __attribute__((tls_model("initial-exec")));

void Init_greedy_of_tls(void);

void Init_greedy_of_tls(void) {
	greedy_block[0] = 1;
}
