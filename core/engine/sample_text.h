// A short text of our own for measuring what a quantisation costs: narration, talk, a list, numbers.
#pragma once

#include <string_view>

namespace fabula::engine {

inline constexpr std::string_view sample_text =
    R"(The ferry left the harbour a little after six, when the lamps along the quay were still burning and the gulls had
not yet begun their quarrel over the fish boxes. Marta stood at the rail with her collar turned up. She had made this
crossing every autumn since she was nine, first with her grandmother, then with her brother, and now alone, and each
time the island seemed to rise out of the water more slowly, as if it had to think about whether to appear at all.

"You will want the inside," said the man who sold the tickets. "There is wind beyond the point."

"I like the wind," she said. "It is the only thing here that has not grown smaller."

He laughed, and went to look after the ropes. Once upon a time there had been forty boats in this bay. Today there were
seven, and two of them carried people who came to photograph the other five. Still, the bakery opened before dawn, the
school had eleven children, and on Sundays the whole village met on the hill behind the church to fly kites. A kite, her
grandmother used to say, is a letter to somebody you have not met.

When she was small, Marta had believed it. She wrote on the paper wings with a thick pencil: My name is Marta. I have a
dog. What do you have? Then she ran down the slope until the string pulled hard in her hand and the letter climbed into
the light, and she waited all evening for an answer.

The water in the strait is about eighty metres deep. It is cold in every season, because a current from the north passes
there on its way to the open sea; in January it has four degrees, in August eleven. Fishermen divide it into three parts:
the Shelf, where the bottom is sand; the Stairs, where it falls away; and the Kettle, in which the tide turns on itself
twice a day. Nobody sets nets in the Kettle. To cross it safely a boat needs patience, a full tank, and somebody on board
who has done it before.

By half past seven the sun was up. The island lay in front of them, green and brown and perfectly still, and above the
hill, very small, hung a red point that did not move. It took her a while to understand what it was. Then she began to
laugh, and waved with both arms, although it was much too far for anybody to see.)";

}  // namespace fabula::engine
