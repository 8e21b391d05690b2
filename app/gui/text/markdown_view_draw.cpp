#include <imgui.h>

#include <algorithm>
#include <cmath>

#include "app/gui/text/markdown_view.h"
#include "app/gui/text/text_engine.h"
#include "app/gui/text/widgets.h"

namespace fabula::text {

namespace {

constexpr float bar_px_per_em = 0.16f;

}  // namespace

void MarkdownView::draw(ImDrawList& list, Point origin, float clip_top, float clip_bottom) {
  height(width_);
  draw_decoration(list, origin, clip_top, clip_bottom);
  for (size_t i = 0; i < leaves_.size(); ++i) {
    const Rect& r = leaves_[i]->rect;
    if (origin.y + r.y > clip_bottom) break;
    if (origin.y + r.y + r.height < clip_top) continue;
    const auto [from, to] = selected_in(i);
    leaves_[i]->flow.draw(list, {origin.x + r.x, origin.y + r.y}, clip_top, clip_bottom,
                          {look_.text, look_.selection, from, to});
  }
}

void MarkdownView::draw_decoration(ImDrawList& list, Point origin, float clip_top, float clip_bottom) {
  const std::vector<MarkdownBlock>& blocks = document_.blocks();
  const float em = look_.size_px;
  const LabelStyle marker_style{em, {}, 0, look_.line_spacing}, small{em * 0.8f, {}, 0, 1.4f};
  for (size_t i = 0; i < boxes_.size(); ++i) {
    const MarkdownBlock& block = blocks[i];
    const Rect& r = boxes_[i].rect;
    const float x = origin.x + r.x, y = origin.y + r.y;
    if (y > clip_bottom) break;
    if (y + r.height < clip_top) continue;
    if (block.quote_depth > 0) {  // one bar from block to block
      const bool on = i + 1 < blocks.size() && blocks[i + 1].quote_depth > 0;
      const float bottom = on ? origin.y + boxes_[i + 1].rect.y : y + r.height;
      list.AddRectFilled({origin.x, y}, {origin.x + std::max(2.0f, std::round(em * bar_px_per_em)), bottom},
                         look_.line, 1);
    }
    if (!block.marker.empty()) {
      const float width = engine_->measure(block.marker, marker_style).width;
      engine_->draw(list, {x - width - em * 0.5f, y}, block.marker, marker_style, look_.muted);
    }
    if (block.kind == BlockKind::rule)
      list.AddRectFilled({x, y + std::round(r.height / 2)}, {x + r.width, y + std::round(r.height / 2) + 1},
                         look_.line);
    if (block.kind == BlockKind::code) {
      list.AddRectFilled({x, y}, {x + r.width, y + r.height}, look_.code_background, em * 0.45f);
      engine_->draw_in(list, {x + em * 0.75f, y, r.width * 0.5f, em * 1.9f}, block.language, small,
                       look_.muted, 0);
    }
    if (block.kind == BlockKind::table) draw_table_lines(list, origin, i);
  }
}

void MarkdownView::draw_table_lines(ImDrawList& list, Point origin, size_t index) {
  const BlockBox& box = boxes_[index];
  if (box.column_x.size() < 2 || box.row_y.size() < 2) return;
  const float left = origin.x + box.column_x.front(), right = origin.x + box.column_x.back();
  list.AddRectFilled({left, origin.y + box.row_y[0]}, {right, origin.y + box.row_y[1]},
                     look_.code_background);
  for (const float y : box.row_y)
    list.AddRectFilled({left, origin.y + y}, {right, origin.y + y + 1}, look_.line);
}

MarkdownResult markdown_box(const char* id, MarkdownView& view, InputQueue& input,
                            Clipboard& clipboard, float width_px) {
  MarkdownResult result;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float height = view.height(width_px);
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const ImVec2 clip_min = list.GetClipRectMin(), clip_max = list.GetClipRectMax();
  result.height = height;
  ImGui::PushID(id);
  ImGui::InvisibleButton("text", {std::max(1.0f, width_px), std::max(1.0f, height)});
  const ImGuiIO& io = ImGui::GetIO();
  const Point mouse{io.MousePos.x - at.x, io.MousePos.y - at.y};
  if (ImGui::IsItemHovered()) {
    result.hovered = true;
    result.hovered_link = view.link_at(mouse);
    ImGui::SetMouseCursor(result.hovered_link.empty() ? ImGuiMouseCursor_TextInput : ImGuiMouseCursor_Hand);
  }
  if (ImGui::IsItemActivated()) view.mouse_down(mouse, io.MouseClickedCount[0], io.KeyShift);
  if (ImGui::IsItemActive() && ImGui::IsMouseDragging(0, 2.0f)) view.mouse_drag(mouse);
  result.clicked = ImGui::IsItemDeactivated() && !view.has_selection();
  if (result.clicked) result.clicked_link = result.hovered_link;
  result.focused = ImGui::IsItemFocused();
  if (result.focused)
    for (const InputEvent& event : input.take())
      if (event.is_character || !view.key(event.key, clipboard)) input.put_back(event);
  if (!result.focused && view.has_selection() && io.MouseClicked[0] && !result.hovered)
    view.clear_selection();
  view.draw(list, point(at), clip_min.y, clip_max.y);
  ImGui::PopID();
  return result;
}

}  // namespace fabula::text
