#include "app/gui/ui/icons.h"

#include <cmath>
#include <initializer_list>

namespace fabula::gui {
namespace {

constexpr float pi = 3.14159265f;

// A pen over the 24-unit box.
struct Pen {
  ImDrawList& list;
  ImVec2 origin;
  float unit;
  ImU32 color;
  float thickness;

  ImVec2 at(float x, float y) const { return {origin.x + x * unit, origin.y + y * unit}; }
  void line(std::initializer_list<ImVec2> points, bool closed = false) const {
    for (const ImVec2& p : points) list.PathLineTo(at(p.x, p.y));
    list.PathStroke(color, closed ? ImDrawFlags_Closed : ImDrawFlags_None, thickness);
  }
  void fill(std::initializer_list<ImVec2> points) const {
    for (const ImVec2& p : points) list.PathLineTo(at(p.x, p.y));
    list.PathFillConvex(color);
  }
  void arc(float x, float y, float r, float from, float to) const {  // degrees, clockwise from the right
    list.PathArcTo(at(x, y), r * unit, from * pi / 180, to * pi / 180, 24);
    list.PathStroke(color, ImDrawFlags_None, thickness);
  }
  void circle(float x, float y, float r) const { list.AddCircle(at(x, y), r * unit, color, 24, thickness); }
  void dot(float x, float y, float r) const { list.AddCircleFilled(at(x, y), r * unit, color, 16); }
  void box(float x0, float y0, float x1, float y1, float r) const {
    list.AddRect(at(x0, y0), at(x1, y1), color, r * unit, 0, thickness);
  }
};

void draw_editing(const Pen& p, Icon icon) {
  switch (icon) {
    case Icon::trash:
      p.line({{5, 7}, {19, 7}});
      p.line({{9, 7}, {9.5f, 4.5f}, {14.5f, 4.5f}, {15, 7}});
      p.line({{6.5f, 7}, {7.5f, 20}, {16.5f, 20}, {17.5f, 7}});
      p.line({{10.2f, 10.5f}, {10.5f, 16.5f}});
      p.line({{13.8f, 10.5f}, {13.5f, 16.5f}});
      break;
    case Icon::pencil:
      p.line({{4.5f, 19.5f}, {5.5f, 15.5f}, {16, 5}, {19, 8}, {8.5f, 18.5f}}, true);
      p.line({{13.5f, 7.5f}, {16.5f, 10.5f}});
      break;
    case Icon::export_:
      p.line({{12, 15}, {12, 4}});
      p.line({{8, 8}, {12, 4}, {16, 8}});
      p.line({{5, 13}, {5, 20}, {19, 20}, {19, 13}});
      break;
    case Icon::undo:
      p.line({{8.5f, 5}, {4.5f, 9}, {8.5f, 13}});
      p.line({{4.5f, 9}, {14, 9}});
      p.arc(14, 14, 5, -90, 90);
      p.line({{14, 19}, {9, 19}});
      break;
    case Icon::redo:
      p.line({{15.5f, 5}, {19.5f, 9}, {15.5f, 13}});
      p.line({{19.5f, 9}, {10, 9}});
      p.arc(10, 14, 5, 90, 270);
      p.line({{10, 19}, {15, 19}});
      break;
    case Icon::copy:
      p.box(8.5f, 8.5f, 19.5f, 20, 2);
      p.line({{5.5f, 15.5f}, {4.5f, 15.5f}, {4.5f, 4}, {15.5f, 4}, {15.5f, 5.5f}});
      break;
    case Icon::regenerate:
      p.arc(12, 12.5f, 7, -40, 250);
      p.line({{18.2f, 3.5f}, {17.8f, 8.4f}, {12.9f, 8}});
      break;
    case Icon::branch:
      p.circle(7, 5.5f, 2.2f);
      p.circle(7, 18.5f, 2.2f);
      p.circle(17, 9, 2.2f);
      p.line({{7, 8}, {7, 16}});
      p.line({{17, 11.2f}, {16, 13.6f}, {13, 14.4f}, {7.5f, 15}});
      break;
    case Icon::pin:
      p.line({{9, 4}, {15, 4}});
      p.line({{10, 4}, {10, 10}, {7, 13}, {7, 14.5f}, {17, 14.5f}, {17, 13}, {14, 10}, {14, 4}});
      p.line({{12, 14.5f}, {12, 20}});
      break;
    default: break;
  }
}

void draw_objects(const Pen& p, Icon icon) {
  switch (icon) {
    case Icon::book:
      p.line({{12, 6.5f}, {9, 5}, {4, 5}, {4, 18}, {9, 18}, {12, 19.5f}, {15, 18}, {20, 18}, {20, 5}, {15, 5}, {12, 6.5f}});
      p.line({{12, 6.5f}, {12, 19.5f}});
      break;
    case Icon::chat:
      p.line({{6, 5}, {18, 5}, {20, 7}, {20, 14.5f}, {18, 16.5f}, {11.5f, 16.5f}, {7.5f, 20}, {7.5f, 16.5f}, {6, 16.5f}, {4, 14.5f}, {4, 7}}, true);
      break;
    case Icon::gear:
      p.line({{4, 8}, {20, 8}});
      p.line({{4, 16}, {20, 16}});
      p.list.AddCircleFilled(p.at(9, 8), 2.6f * p.unit, p.color, 16);
      p.list.AddCircleFilled(p.at(15, 16), 2.6f * p.unit, p.color, 16);
      break;
    case Icon::sidebar:
      p.box(3.5f, 5, 20.5f, 19, 2.5f);
      p.line({{9.5f, 5}, {9.5f, 19}});
      break;
    case Icon::panel:
      p.box(3.5f, 5, 20.5f, 19, 2.5f);
      p.line({{14.5f, 5}, {14.5f, 19}});
      break;
    case Icon::folder:
      p.line({{3.5f, 6}, {9.5f, 6}, {11.5f, 8.5f}, {20.5f, 8.5f}, {20.5f, 18.5f}, {3.5f, 18.5f}}, true);
      break;
    case Icon::file:
      p.line({{6, 3.5f}, {14, 3.5f}, {18.5f, 8}, {18.5f, 20.5f}, {6, 20.5f}}, true);
      p.line({{13.8f, 3.8f}, {13.8f, 8.2f}, {18.2f, 8.2f}});
      break;
    case Icon::cube:
      p.line({{12, 3.5f}, {19.5f, 7.7f}, {19.5f, 16.3f}, {12, 20.5f}, {4.5f, 16.3f}, {4.5f, 7.7f}}, true);
      p.line({{4.8f, 7.9f}, {12, 12}, {19.2f, 7.9f}});
      p.line({{12, 12}, {12, 20.2f}});
      break;
    case Icon::warning:
      p.line({{12, 4}, {21, 19.5f}, {3, 19.5f}}, true);
      p.line({{12, 10}, {12, 14.5f}});
      p.dot(12, 17, 1);
      break;
    case Icon::info:
      p.circle(12, 12, 8.5f);
      p.line({{12, 11.2f}, {12, 16.5f}});
      p.dot(12, 8, 1.1f);
      break;
    case Icon::lock:
      p.box(5.5f, 11, 18.5f, 20, 2);
      p.line({{8.5f, 11}, {8.5f, 8}});
      p.arc(12, 8, 3.5f, 180, 360);
      p.line({{15.5f, 8}, {15.5f, 11}});
      break;
    default: break;
  }
}

void draw_signs(const Pen& p, Icon icon) {
  switch (icon) {
    case Icon::plus:
      p.line({{12, 5}, {12, 19}});
      p.line({{5, 12}, {19, 12}});
      break;
    case Icon::search:
      p.circle(10.5f, 10.5f, 6);
      p.line({{15, 15}, {20, 20}});
      break;
    case Icon::check: p.line({{5, 12.5f}, {10, 17.5f}, {19, 7}}); break;
    case Icon::close:
      p.line({{6, 6}, {18, 18}});
      p.line({{18, 6}, {6, 18}});
      break;
    case Icon::chevron_left: p.line({{14.5f, 6}, {8.5f, 12}, {14.5f, 18}}); break;
    case Icon::chevron_right: p.line({{9.5f, 6}, {15.5f, 12}, {9.5f, 18}}); break;
    case Icon::chevron_down: p.line({{6, 9.5f}, {12, 15.5f}, {18, 9.5f}}); break;
    case Icon::send:
    case Icon::arrow_up:
      p.line({{12, 19}, {12, 5.5f}});
      p.line({{6, 11}, {12, 5}, {18, 11}});
      break;
    case Icon::arrow_down:
      p.line({{12, 5}, {12, 18.5f}});
      p.line({{6, 13}, {12, 19}, {18, 13}});
      break;
    case Icon::stop: p.list.AddRectFilled(p.at(7, 7), p.at(17, 17), p.color, 2 * p.unit); break;
    case Icon::play: p.fill({{8, 5.5f}, {19, 12}, {8, 18.5f}}); break;
    case Icon::more:
      for (float x : {6.0f, 12.0f, 18.0f}) p.dot(x, 12, 1.6f);
      break;
    default: break;
  }
}

}  // namespace

void draw_icon(ImDrawList& list, Icon icon, ImVec2 position, float size, ImU32 color) {
  const float unit = size / 24.0f;
  const Pen pen{list, position, unit, color, std::fmax(1.7f * unit, 1.1f)};
  draw_signs(pen, icon);
  draw_editing(pen, icon);
  draw_objects(pen, icon);
}

void draw_spinner(ImDrawList& list, ImVec2 centre, float radius, float turns, ImU32 color) {
  const float start = turns * 2 * pi;
  list.PathArcTo(centre, radius, start, start + 1.5f * pi, 24);
  list.PathStroke(color, ImDrawFlags_None, std::fmax(radius * 0.24f, 1.2f));
}

void draw_mark(ImDrawList& list, ImVec2 position, float size, ImU32 page, ImU32 ink) {
  const Pen pen{list, position, size / 24.0f, page, 1.7f * size / 24.0f};
  // Left page, right page, the bubble's tail below the spine; then the lines of text.
  pen.fill({{2.5f, 5}, {8.5f, 4.2f}, {11.4f, 5.6f}, {11.4f, 19.4f}, {8.5f, 18}, {2.5f, 18.6f}});
  pen.fill({{12.6f, 5.6f}, {15.5f, 4.2f}, {21.5f, 5}, {21.5f, 15.6f}, {12.6f, 17}});
  pen.fill({{12.6f, 16}, {17.5f, 15.6f}, {12.6f, 20.6f}});
  const Pen text{list, position, size / 24.0f, ink, 1.1f * size / 24.0f};
  text.line({{4.6f, 8.6f}, {9.3f, 8.2f}});
  text.line({{4.6f, 11.4f}, {9.3f, 11}});
  text.line({{4.6f, 14.2f}, {7.6f, 13.95f}});
  for (float x : {14.6f, 17.05f, 19.5f}) list.AddCircleFilled(text.at(x, 10.2f), 0.85f * text.unit, ink, 12);
}

}  // namespace fabula::gui
