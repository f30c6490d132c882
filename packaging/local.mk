# packaging: what is installed beside the programs
