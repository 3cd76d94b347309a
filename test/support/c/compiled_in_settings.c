/* What a program that brings settings for jemalloc along has in it (jemalloc(3), "TUNING"). */
const char *malloc_conf = "narenas:3,dirty_decay_ms:4444";
