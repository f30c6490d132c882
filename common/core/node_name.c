#include "node_name.h"

#include "ascii.h"

bool node_name_is_valid(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_alnum(text.at[i]) && text.at[i] != '.' && text.at[i] != '-' && text.at[i] != '_')
			return false;
	return text.len > 0 && text.len < NODE_NAME_SIZE;
}
