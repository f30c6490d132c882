#include "doctor.h"

void doctor_network(struct doctor *doctor)
{
	(void)doctor;
}
