# tests: unit tables (cmocka), scenarios, fuzz corpora replayed
if HAVE_CMOCKA
endif
